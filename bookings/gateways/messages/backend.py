"""
Sends mail by an e-mail backend of Django, as those of django-anymail, which speak the APIs of mail services.

See Note [What a backend can tell].
"""

# Note [What a backend can tell]
# A backend sends, or raises something of its own. Where that carries the status of an HTTP answer it is judged. All
# else may have happened before the mail was taken over or after it: it is *unknown*, and repeated once. What a service
# says in words may quote the address, so it is not kept.

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection

from bookings.gateways.messages.mime import message_of
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Mail, MessageOutcome, Refused, Sent

# Sendings that no one waits for any more, at most: a backend may have no limit of its own.
SENDINGS_AT_ONCE = 16

# What is wrong there for all mails, or passes: they wait.
WAITS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
PASSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS})

# What anymail calls a mail that the service has. There is "unknown", too.
TAKEN_OVER = frozenset({"sent", "queued"})

# By its name: the package is there only where an operator has added it.
NO_SUCH_ADDRESS = "AnymailRecipientsRefused"


@dataclass(frozen=True, slots=True)
class MailBackend:
    """Which e-mail backend of Django mails are handed over to; it reads its own settings."""

    path: str


class BackendMail:
    """Hands each mail over to a backend of its own, in a thread that may outlast the time."""

    def __init__(self, backend: MailBackend, *, sender: str, reply_to: str = "") -> None:
        self._path, self._sender, self._reply_to = backend.path, sender, reply_to
        self._places = threading.BoundedSemaphore(SENDINGS_AT_ONCE)

    def send(self, mail: Mail, /, *, seconds: float) -> MessageOutcome:
        """Send once; no longer than for `seconds` it is waited for."""
        message: Any = message_of(mail, sender=self._sender, reply_to=self._reply_to)
        try:
            backend: Any = get_connection(self._path)
        except (ImproperlyConfigured, ImportError) as error:
            return NotSent(_name(error))
        if not self._places.acquire(blocking=False):
            return NotSent("too many sendings hang")
        return _within(seconds, lambda: _hand_over(backend, message), then=self._places.release)

    def try_out(self, *, seconds: float) -> NotSent | None:
        """Find out whether there is such a backend, with its settings. Whether it sends is not known by that."""
        try:
            get_connection(self._path)
        except (ImproperlyConfigured, ImportError) as error:
            return NotSent(_name(error))
        return None


def _hand_over(backend: Any, message: Any) -> MessageOutcome:
    try:
        sent = backend.send_messages([message])
    except ImproperlyConfigured as error:
        return NotSent(_name(error))
    except Exception as error:  # noqa: BLE001 - a backend may raise whatever it likes
        return _judged(error)
    # What anymail writes beside the message; of another backend there is none.
    said = getattr(message, "anymail_status", None)
    if not sent or (said is not None and not TAKEN_OVER & set(said.status or ())):
        return Unknown("the backend says neither that it was sent nor why not")
    receipt = getattr(said, "message_id", None)
    return Sent(receipt[:200] if isinstance(receipt, str) else "")


def _judged(error: Exception) -> MessageOutcome:
    """Judge an error by the status that it carries. See Note [What a backend can tell]."""
    status = _status(error)
    why = _name(error) if status is None else f"answered {status}"
    if type(error).__name__ == NO_SUCH_ADDRESS:
        return Refused(why)
    if status is None or not 400 <= status < 500 or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unknown(why)
    return NotSent(why) if status in WAITS | PASSES else Mistake(why)


def _status(error: BaseException) -> int | None:
    """Find the status of an HTTP answer: anymail's own, or that of what Amazon's library has raised."""
    status = getattr(error, "status_code", None)
    answer = getattr(error.__cause__, "response", None)
    if status is None and isinstance(answer, dict):
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else None


def _name(error: BaseException) -> str:
    return type(error).__name__


def _within(seconds: float, work: Callable[[], MessageOutcome], *, then: Callable[[], None]) -> MessageOutcome:
    """Do something in a thread; *unknown* if it takes longer than it may."""
    ended: list[MessageOutcome] = []

    def do() -> None:
        try:
            ended.append(work())
        finally:
            then()

    thread = threading.Thread(target=do, name="mail-backend", daemon=True)
    thread.start()
    thread.join(seconds)
    return ended[0] if ended else Unknown("timed out")
