"""
Sends webhooks to addresses that clients have named.

See Note [Where the guard stands].
"""

# Note [Where the guard stands]
# Who names an address can have its name lead anywhere, and elsewhere a second later: to this machine, to the database,
# to what a cloud tells its machines. So what was found when the address was saved proves nothing. A name is looked up
# once for each sending, all that it leads to must be public, and the socket is opened to one of these IP addresses and
# to no other (`Question.addresses`). The name is not looked up again. No redirect is followed.
# Behind a proxy the proxy looks names up, and must guard.

import time
from collections.abc import Sequence

from bookings.gateways.http_exchange import Answer, HttpExchange, NoAnswer, NothingSent, Question
from bookings.gateways.webhooks.addresses import Target, read
from bookings.gateways.webhooks.names import Names
from bookings.gateways.webhooks.networks import Network, is_public, is_within, parsed
from bookings.gateways.webhooks.signatures import signed
from bookings.ports import NotSent, Unknown
from bookings.ports.webhooks import Accepted, Letter, NameUnknown, NotAllowed, SendOutcome, TurnedDown, UnsafeAddress
from bookings.text.legible import printable_line

# For the name, and for the connection with its TLS: a receiver that is up has both within a moment.
CONNECT_SECONDS = 2.0

# What is read of an answer. Only its beginning is kept.
LARGEST_ANSWER_BYTES = 4 * 1024
ANSWER_KEPT = 200

# A receiver may ask for a pause of up to an hour.
LONGEST_PAUSE_SECONDS = 3600.0


class HttpWebhooks:
    """Sends by HTTP, and opens no socket to an address that is not public, except in the networks of `private`."""

    def __init__(
        self, *, ports: Sequence[int], private: Sequence[Network] = (), ca_file: str = "", proxy: str = ""
    ) -> None:
        self._ports, self._private, self._proxied = ports, private, bool(proxy)
        self._names = Names()
        self._http = HttpExchange(
            connect_seconds=CONNECT_SECONDS,
            largest_bytes=LARGEST_ANSWER_BYTES,
            cuts_bodies=True,
            ca_file=ca_file,
            proxy=proxy,
        )

    def normal(self, url: str) -> str:
        """
        Write an address in its one form, as far as it can be judged without looking up its name.

        :raises UnsafeAddress: if nothing would ever be sent there
        """
        return str(self._read(url))

    def leads_to(self, url: str, *, seconds: float) -> tuple[str, ...]:
        """
        Look up to which IP addresses a webhook would be sent now; none where a proxy decides that.

        :raises UnsafeAddress: if one of them must not be sent to
        :raises NameUnknown: if the name cannot be looked up
        """
        return self._addresses(self._read(url), seconds=seconds) or ()

    def send(self, letter: Letter, *, seconds: float) -> SendOutcome:
        """Send once; `seconds` hold for all of it, from the look-up of the name on."""
        began = time.monotonic()
        try:
            target = self._read(letter.url)
            addresses = self._addresses(target, seconds=min(CONNECT_SECONDS, seconds))
        except UnsafeAddress as error:
            return NotAllowed(str(error))
        except NameUnknown as error:
            return NotSent(str(error))
        question = Question("POST", str(target), _headers(letter), letter.body, addresses=addresses)
        try:
            answer = self._http.send(question, seconds=seconds - (time.monotonic() - began), keep=True)
        except NothingSent as error:
            return NotSent(str(error))
        except NoAnswer as error:
            return Unknown(str(error))
        return _outcome(answer)

    def _read(self, url: str) -> Target:
        return read(url, ports=self._ports, private=self._private)

    def _addresses(self, target: Target, *, seconds: float) -> tuple[str, ...] | None:
        if self._proxied:
            return None
        if target.literal is not None:
            return (str(target.literal),)
        found = [parsed(each) for each in self._names.addresses(target.host, target.port, seconds=seconds)]
        for address in found:
            inside = is_within(address, self._private)
            if not inside and (target.scheme == "http" or not is_public(address)):
                # Not which address: who named the host would learn what names mean inside.
                raise UnsafeAddress(
                    "the name leads to an address that is not public"
                    if target.scheme == "https"
                    else "http:// is for private networks alone"
                )
        return tuple(str(address) for address in found)


def _headers(letter: Letter) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "flight-bookings-webhooks/1",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "traceparent": letter.traceparent,
        **signed(letter.key, letter.sent_at, letter.body, secrets=letter.secrets),
    }


def _outcome(answer: Answer) -> SendOutcome:
    if 200 <= answer.status < 300:
        return Accepted(answer.status)
    said = printable_line(answer.body[: ANSWER_KEPT * 4])[:ANSWER_KEPT]
    return TurnedDown(answer.status, said, _pause(answer.headers.get("retry-after", "")))


def _pause(text: str) -> float | None:
    """Read for how many seconds the receiver wants a pause; a date is not read."""
    return min(float(text), LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() and len(text) < 10 else None
