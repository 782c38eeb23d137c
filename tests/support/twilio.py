"""A stand-in for Twilio's API, as far as it is used: it looks at the account and the form, and fails as a test says."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from bookings.gateways.messages.twilio import TwilioAccount, TwilioSms
from tests.support.wire import Asked, Said, Wire, a_wire, answer

ACCOUNT, TOKEN = "AC" + "0123456789abcdef" * 2, "a token: of it"
NUMBER, SERVICE = "+4915100000001", "MG" + "0123456789abcdef" * 2
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
LIST = f"{PATH}?PageSize=1&DateSent=2000-01-01"
LOGIN = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


def refusal(code: int, status: int = 400) -> bytes:
    """Refuse, as Twilio does: its words repeat the number."""
    said = f"The number +4915123456789 is refused: {code}"
    return answer(status, {"code": code, "message": said, "more_info": "https://www.twilio.com/docs", "status": status})


class Twilio:
    """What came, as forms, and what is answered: what was planned, one after the other, and 201 from then on."""

    def __init__(self, wire: Wire) -> None:
        self.url, self.wire = wire.url, wire
        self.planned: list[Said] = []
        self.forms: list[dict[str, str]] = []
        wire.say("POST", PATH, self._take)
        wire.say("GET", LIST, self._list)

    def account(self, token: str = TOKEN) -> TwilioAccount:
        """Give what a client needs."""
        return TwilioAccount(self.url, ACCOUNT, ACCOUNT, token)

    def channel(self, *, token: str = TOKEN, sender: str = NUMBER) -> TwilioSms:
        """Make a client."""
        return TwilioSms(self.account(token), sender=sender)

    def _take(self, asked: Asked) -> Any:
        form = {name: value for name, (value,) in parse_qs(asked.body.decode(), strict_parsing=True).items()}
        self.forms.append(form)
        if self.planned:
            said = self.planned.pop(0)
            return said(asked) if callable(said) else said
        if asked.headers["authorization"] != LOGIN:
            return refusal(20003, 401)
        if not {"To", "Body"} < form.keys() or form.keys().isdisjoint({"From", "MessagingServiceSid"}):
            return refusal(21603)
        return answer(201, {"sid": f"SM{len(self.forms):032x}", "status": "queued", "error_code": None, **form})

    def _list(self, asked: Asked) -> bytes:
        is_known = asked.headers["authorization"] == LOGIN
        return answer(200, {"messages": [], "page_size": 1}) if is_known else refusal(20003, 401)


@contextmanager
def a_twilio() -> Iterator[Twilio]:
    """Run the stand-in on a free port for the length of the block."""
    with a_wire() as wire:
        yield Twilio(wire)
