"""
The crash points: where a process may die, and the code that makes it die there.

A point is named after the transaction that has just been committed (`booking.create`), or after the call that was
sent (`.sent`: written, its answer not read) or answered (`.answered`: read, not recorded). `docs/protocol.md`
says for each what is left behind and what repairs it.
Calls to payments go to the durable gateway of the tests, or to Stripe's, whichever the settings name.
"""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pycurl
from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string

from bookings.db import transactions
from bookings.gateways import http_exchange
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.messages import smtp
from bookings.gateways.messages.smtp import SmtpMail
from bookings.gateways.messages.twilio import TwilioSms
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.ports import Applied, NoFlight, NoSeats, NotSent, Unknown
from bookings.ports.messages import Sent
from bookings.ports.webhooks import Accepted, TurnedDown
from tests.support.durable_payments import DurablePayments

OF_A_PAYMENT = (
    *("payment.begin", "open.sent", "open.answered", "payment.opened"),
    *("charge.sent", "charge.answered", "payment.settled"),
)
OF_THE_WEB = (
    *("booking.create", "create.sent", "create.answered", "seats.reserved"),
    *OF_A_PAYMENT,
    "booking.cancel",
)
OF_THE_WORKER = (
    *("booking.expire", "bulk.cancel_one"),
    *("seats.release", "give.sent", "give.answered", "seats.released"),
    *("reservation.claim", "release.claim", "payment.claim"),
    *("refund.claim", "refund.sent", "refund.answered", "refund.settled"),
    "news.announced",
)
# No client of `crashes` leaves a payment that must be closed; those of `payments` do.
OF_A_CLOSE = ("payment.closing", "close.sent", "close.answered")
OF_THE_ARCHIVE = ("booking.archive", "archive.noted")

OF_NOTICES = ("notice.stored", "notice.claim", "dispute.seen", "notice.done")
OF_WEBHOOKS = (
    *("webhook.claim", "webhook.sent", "webhook.answered", "webhook.record", "replay.cut"),
    *("endpoint.ping", "delivery.redeliver", "replay.ask"),
)
OF_MESSAGES = ("message.claim", "mail.sent", "mail.answered", "sms.sent", "sms.answered", "message.record")
# No client of the campaigns asks for these: they do not come by.
OF_STAFF = ("refund.ask",)
OF_EXCHANGES = ("exchange.write", "exchange.sent", "exchange.answered", "exchange.settled", "exchange.claim")
OF_A_CORRECTION = ("seats.correct", "seats.released")
WITHOUT_KEYS = ("gate.claim", "gate.send", "gate.answered")
OF_TELLING = (*OF_WEBHOOKS, *OF_MESSAGES)
ALONE = (*OF_NOTICES, *OF_STAFF, *OF_EXCHANGES, *OF_A_CORRECTION, *WITHOUT_KEYS)
OF_THE_WORKERS = (*OF_THE_WORKER, *OF_A_CLOSE, *OF_THE_ARCHIVE)
ALL = frozenset((*OF_THE_WEB, *OF_THE_WORKERS, *OF_TELLING, *ALONE))

# What is sent after a transaction, as the first word of its points. A correction may take seats, as a create does.
SENDS = {
    "booking.create": ("create",),
    "exchange.write": ("exchange",),
    "payment.begin": ("open",),
    "payment.opened": ("charge",),
    "payment.closing": ("close",),
    "seats.release": ("give",),
    "refund.claim": ("refund",),
    "seats.correct": ("create", "give"),
    "gate.send": ("create", "give"),
    "webhook.claim": ("webhook",),
    "message.claim": ("mail", "sms"),
}

# A claim or a batch that found nothing to do is no place to die: nothing has happened.
MAY_BE_EMPTY = (
    *("booking.expire", "bulk.cancel_one", "seats.release"),
    *("reservation.claim", "exchange.claim", "release.claim", "payment.claim", "refund.claim", "notice.claim"),
    *("payment.opened", "payment.closing"),
    *("news.announced", "booking.archive", "webhook.claim", "replay.cut", "message.claim"),
)

# The dot that ends a mail.
LAST_LINE = b".\r\n"

DECIDED = (Applied, NoSeats, NoFlight)


def die() -> None:
    """End this process as `kill -9` does: no `finally`, no rollback, no goodbye to the database."""
    os.kill(os.getpid(), signal.SIGKILL)


def flag(file: Path) -> Callable[[tuple[str, ...]], None]:
    """
    Die at the point that a file names; the file is renamed first, so that one process dies, once.

    The file is looked at each time, so a running process can be told where to die.
    """

    def reached(names: tuple[str, ...]) -> None:
        try:
            if file.read_text() in names:
                file.rename(file.with_suffix(".fired"))
                die()
        except FileNotFoundError:
            return

    return reached


class Mortal(AppConfig):
    """Watches the crash points from the moment that Django is ready, if the settings name a flag."""

    name = "tests.campaigns"
    label = "campaigns"

    def ready(self) -> None:
        if settings.CRASH_FLAG:
            install(flag(Path(settings.CRASH_FLAG)))


def install(reached: Callable[[tuple[str, ...]], None]) -> None:
    """Call `reached` with the names of each crash point that this process comes to."""
    _watch_transactions(reached)
    sending = Sending(reached)
    _watch_flight_service(reached, sending)
    _watch_webhooks(reached, sending)
    _watch_mails(reached)
    _watch_sms(reached, sending)
    if settings.PAYMENT_GATEWAY == "stripe":
        _watch_stripe(reached, sending)
    else:
        _watch_payments(reached)


def _watch_transactions(reached: Callable[[tuple[str, ...]], None]) -> None:
    run = transactions.run

    def run_and_tell(name: str, block: Any, **how: Any) -> Any:
        result = run(name, block, **how)
        if name not in MAY_BE_EMPTY or (any(result) if isinstance(result, tuple) else result):
            reached((name,))
        return result

    transactions.run = run_and_tell


class Sending:
    """Tells when a request has gone out as a whole, of the calls that a thread makes within `call`."""

    def __init__(self, reached: Callable[[tuple[str, ...]], None]) -> None:
        self._reached, self._here = reached, threading.local()
        prepare = http_exchange._prepare

        def prepare_and_tell(handle: Any, question: Any, reading: Any, *, keep: bool) -> None:
            prepare(handle, question, reading, keep=keep)
            kind = getattr(self._here, "kind", None)
            if kind and question.body is not None:
                self._tell(handle, f"{kind}.sent", has_body=bool(question.body))

        http_exchange._prepare = prepare_and_tell

    @contextmanager
    def call(self, kind: str) -> Iterator[None]:
        """Watch what this thread sends, if it has a body, be that empty: it changes something."""
        self._here.kind = kind
        try:
            yield
        finally:
            self._here.kind = None

    def _tell(self, handle: Any, name: str, *, has_body: bool) -> None:
        told: list[str] = []

        def once() -> None:
            if not told:
                told.append(name)
                self._reached((name,))

        def look(_to_come: int, _has_come: int, to_go: int, has_gone: int) -> None:
            """Told by libcurl how far it is with the body."""
            if has_gone and has_gone >= to_go:
                once()

        def hear(what: int, _text: bytes) -> None:
            """Told by libcurl of all that it sends; without a body, the headers are all."""
            if what == pycurl.INFOTYPE_HEADER_OUT:
                once()

        if has_body:
            handle.setopt(pycurl.NOPROGRESS, 0)
            handle.setopt(pycurl.XFERINFOFUNCTION, look)
        else:
            handle.setopt(pycurl.VERBOSE, 1)
            handle.setopt(pycurl.DEBUGFUNCTION, hear)


def _watch_flight_service(reached: Callable[[tuple[str, ...]], None], sending: Sending) -> None:
    change_seats = HttpFlightService.change_seats

    def change_and_tell(self: Any, change: Any, *, seconds: float) -> Any:
        kind = "give" if not change.reserves else "exchange" if change.in_place_of else "create"
        with sending.call(kind):
            outcome = change_seats(self, change, seconds=seconds)
        if isinstance(outcome, DECIDED):
            reached((f"{kind}.answered",))
        return outcome

    HttpFlightService.change_seats = change_and_tell


def _watch_webhooks(reached: Callable[[tuple[str, ...]], None], sending: Sending) -> None:
    send = HttpWebhooks.send

    def send_and_tell(self: Any, letter: Any, *, seconds: float) -> Any:
        with sending.call("webhook"):
            outcome = send(self, letter, seconds=seconds)
        if isinstance(outcome, Accepted | TurnedDown):
            reached(("webhook.answered",))
        return outcome

    HttpWebhooks.send = send_and_tell


def _watch_mails(reached: Callable[[tuple[str, ...]], None]) -> None:
    say, send = smtp._Talk.send, SmtpMail.send

    def say_and_tell(self: Any, content: Any) -> None:
        say(self, content)
        if content == LAST_LINE:
            reached(("mail.sent",))

    def send_and_tell(self: Any, mail: Any, /, *, seconds: float) -> Any:
        outcome = send(self, mail, seconds=seconds)
        if isinstance(outcome, Sent):
            reached(("mail.answered",))
        return outcome

    smtp._Talk.send, SmtpMail.send = say_and_tell, send_and_tell


def _watch_sms(reached: Callable[[tuple[str, ...]], None], sending: Sending) -> None:
    send = TwilioSms.send

    def send_and_tell(self: Any, sms: Any, /, *, seconds: float) -> Any:
        with sending.call("sms"):
            outcome = send(self, sms, seconds=seconds)
        if isinstance(outcome, Sent):
            reached(("sms.answered",))
        return outcome

    TwilioSms.send = send_and_tell


def _watch_stripe(reached: Callable[[tuple[str, ...]], None], sending: Sending) -> None:
    gateway = import_string(settings.PAYMENT_GATEWAYS["stripe"])
    for call in ("open", "charge", "close", "refund"):
        _watch_stripe_call(gateway, call, reached, sending)


def _watch_stripe_call(gateway: Any, call: str, reached: Callable[[tuple[str, ...]], None], sending: Sending) -> None:
    ask = getattr(gateway, call)

    def ask_and_tell(self: Any, about: Any, **given: Any) -> Any:
        with sending.call(call):
            outcome = ask(self, about, **given)
        if not isinstance(outcome, NotSent | Unknown):
            reached((f"{call}.answered",))
        return outcome

    setattr(gateway, call, ask_and_tell)


def _watch_payments(reached: Callable[[tuple[str, ...]], None]) -> None:
    for call in ("open", "charge", "close"):
        _watch_payment_call(reached, call)
    refund = DurablePayments.refund

    def refund_and_tell(self: Any, order: Any, **given: Any) -> Any:
        _lost_or_not(reached, ("refund.sent",), lambda: refund(self, order, **given))
        outcome = refund(self, order, **given)
        reached(("refund.answered",))
        return outcome

    DurablePayments.refund = refund_and_tell


def _watch_payment_call(reached: Callable[[tuple[str, ...]], None], call: str) -> None:
    ask = getattr(DurablePayments, call)

    def ask_and_tell(self: Any, intent: Any, **given: Any) -> Any:
        _lost_or_not(reached, (f"{call}.sent",), lambda: ask(self, intent, **given))
        outcome = ask(self, intent, **given)
        reached((f"{call}.answered",))
        return outcome

    setattr(DurablePayments, call, ask_and_tell)


def _lost_or_not(reached: Any, names: tuple[str, ...], ask: Callable[[], Any]) -> None:
    """What was sent is carried out, or gets lost, each as often; a process that dies here never knows."""
    if random.random() < 0.5:
        ask()
    reached(names)
