"""
Sends SMS by Twilio's API, or by a service that speaks it: one POST, which is never sent twice.

See Note [Once or not at all].
"""

# Note [Once or not at all]
# Twilio knows no key for a repeat: two requests are two SMS, both paid for, both on the traveler's telephone. So each
# request has a connection of its own, which nothing below repeats, and what is not certain is *unknown*, and stays it.
# *Not sent* is only what provably never went out, and what Twilio itself says that it has not taken.

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlencode

from bookings.gateways.http_exchange import Answer, HttpExchange, NoAnswer, NothingSent, Question
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import MessageOutcome, Refused, Sent, Sms
from bookings.text.gsm7 import ONE_SMS, room_of
from bookings.text.phone_numbers import is_normal

# For the name and for the connection.
CONNECT_SECONDS = 4.0

# A message as Twilio shows it has a thousand bytes.
LARGEST_ANSWER_BYTES = 64 * 1024

# A service that sends for several numbers of an account, in the place of a number.
MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")

# Its owner has answered STOP.
STOPPED = 21610
# There is no such number, or it takes no SMS: not a number, not reachable, not a mobile one, a landline. Twilio makes
# new codes now and then; one that is not known suppresses no number.
NO_SUCH_NUMBER = frozenset({21211, 21214, 21217, 21614, 21635})
# What is wrong for all messages, until an operator puts it right or it passes: they wait.
WAITS: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys((21212, 21603, 21606, 21659, 21660, 21661), "SMS_FROM is no number of this account for SMS"),
        **dict.fromkeys((21701, 21703, 21704, 21705), "SMS_FROM is no service of this account with a number"),
        21611: "too many wait at Twilio",
        21730: "Twilio is under maintenance",
    }
)
WRONG_ACCOUNT = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """Where SMS are handed over, and for which account. `user` is the account, or a key of it."""

    url: str
    account: str
    user: str
    token: str = field(repr=False)


class TwilioSms:
    """Hands SMS over to Twilio, each on a connection of its own. No redirect, no proxy of the environment."""

    def __init__(self, account: TwilioAccount, *, sender: str) -> None:
        self._messages = f"{account.url}/2010-04-01/Accounts/{account.account}/Messages.json"
        login = base64.b64encode(f"{account.user}:{account.token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "User-Agent": "flight-bookings/1", "Accept": "*/*"}
        self._from = {"MessagingServiceSid" if MESSAGING_SERVICE.fullmatch(sender) else "From": sender}
        self._http = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=LARGEST_ANSWER_BYTES)

    def send(self, sms: Sms, /, *, seconds: float) -> MessageOutcome:
        """Send once; `seconds` hold for all of it, from the look-up of the name on."""
        if not is_normal(sms.to):
            return Refused("not a number")
        if (room := room_of(sms.text)) is None or room > ONE_SMS:
            return Mistake("not the text of one SMS")
        body = urlencode({"To": sms.to, **self._from, "Body": sms.text}).encode()
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = self._http.send(Question("POST", self._messages, headers, body), seconds=seconds)
        except NothingSent as error:
            return NotSent(str(error))
        except NoAnswer as error:
            return Unknown(str(error))
        return _outcome(answer)

    def try_out(self, *, seconds: float) -> NotSent | None:
        """Ask for the messages of a day on which there were none, and send nothing; None: the account is known."""
        question = Question("GET", f"{self._messages}?PageSize=1&DateSent=2000-01-01", self._headers)
        try:
            answer = self._http.send(question, seconds=seconds)
        except (NothingSent, NoAnswer) as error:
            return NotSent(str(error))
        return None if answer.status == HTTPStatus.OK else NotSent(_why(answer.status, _code(answer)))


def _outcome(answer: Answer) -> MessageOutcome:
    """Read what became of an SMS. See Note [Once or not at all]."""
    status, code = answer.status, _code(answer)
    why = _why(status, code)
    if status == HTTPStatus.CREATED:
        sid = str(_said(answer).get("sid", ""))
        return Sent(sid) if SID.fullmatch(sid) else Unknown("answered 201, without a sid")
    if status in WRONG_ACCOUNT or status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSent(why)
    if status != HTTPStatus.BAD_REQUEST or code is None:
        return Unknown(why)  # a redirect, a fault, or the words of another machine
    return _refusal(code, why)


def _refusal(code: int, why: str) -> MessageOutcome:
    """Read what Twilio says of a message that it has not taken."""
    if code == STOPPED:
        return Refused(f"{why}: STOP", is_for_good=True)
    if code in NO_SUCH_NUMBER:
        return Refused(why)
    return NotSent(why) if code in WAITS else Mistake(why)


def _why(status: int, code: int | None) -> str:
    """Say what was answered by its numbers alone: Twilio's words repeat the number of the traveler."""
    said = f"answered {status}" + ("" if code is None else f" ({code})")
    hint = "see the account and the token of SMS_URL" if status in WRONG_ACCOUNT else WAITS.get(code or 0, "")
    return f"{said}: {hint}" if hint else said


def _code(answer: Answer) -> int | None:
    """Give the number of an error of Twilio's; None: these are not the words of Twilio."""
    code = _said(answer).get("code")
    return code if isinstance(code, int) else None


def _said(answer: Answer) -> dict[str, object]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
