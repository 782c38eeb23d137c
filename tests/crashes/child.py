"""
Real processes that die at a crash point, one for each request: `python -m tests.crashes.child`.

This process has Django loaded and no connection open; see `tests.support.forks`.
"""

import gc
import io
import itertools
import uuid
from datetime import timedelta
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

django.setup()

from bookings import tasks, wiring  # noqa: E402 - models can be imported only now
from bookings.db.clock import database_time  # noqa: E402
from bookings.gateways.messages.smtp import MailServer  # noqa: E402
from bookings.gateways.messages.twilio import TwilioAccount  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.ports import SeatChange  # noqa: E402
from bookings.services.bookings import archive as archiving  # noqa: E402
from bookings.services.bookings import create as creating  # noqa: E402
from bookings.services.payments.ask_refund import ask_refund  # noqa: E402
from bookings.services.upkeep.run_pass import run_pass  # noqa: E402
from bookings.services.webhooks.again import ask_for_replay, redeliver  # noqa: E402
from bookings.services.webhooks.endpoints import ping_endpoint  # noqa: E402
from devtools.processes import HOST  # noqa: E402
from tests.campaigns import points  # noqa: E402
from tests.support.api import Api  # noqa: E402
from tests.support.calls import a_refund_request  # noqa: E402
from tests.support.forks import serve  # noqa: E402
from tests.support.messages import SENDER  # noqa: E402
from tests.support.notices import ring  # noqa: E402
from tests.support.signed_notices import an_event  # noqa: E402
from tests.support.twilio import ACCOUNT, NUMBER, TOKEN  # noqa: E402
from tests.support.webhooks import OPEN, OWNER  # noqa: E402


def act(asked: dict[str, Any]) -> None:
    """Do what a web process or a worker does for one request or one pass."""
    api, key = Api(), asked.get("key")
    match asked["act"]:
        case "create":
            api.create(key=key, **asked.get("order", {}))
        case "pay":
            api.pay(Booking.objects.get(pk=asked["booking"]), key=key, **asked.get("order", {}))
        case "choose":
            api.choose(Booking.objects.get(pk=asked["booking"]), *asked["numbers"], key=key)
        case "cancel":
            api.cancel(Booking.objects.get(pk=asked["booking"]), key=key)
        case "refund":
            booking = Booking.objects.get(pk=asked["booking"])
            ask_refund(a_refund_request(booking, action_key=str(key)))
        case "ring":
            ring(an_event(asked["event"], **asked["about"]), gateway="durable")
        case "ring as stripe":
            ring(asked["body"].encode(), gateway="stripe", signed=asked["signed"])
        case "pass":
            run_pass(flights=wiring.flight_service(), payments=wiring.payment_gateways())
        case "tell":
            tasks.tell()
        case "deliver":
            tasks.deliver()
        case "ping":
            ping_endpoint(key=asked["endpoint"], owner=OPEN, actor=OWNER)
        case "redeliver":
            redeliver(key=asked["endpoint"], delivery_id=asked["delivery"], owner=OPEN, actor=OWNER)
        case "replay":
            since = database_time() - timedelta(days=1)
            ask_for_replay(key=asked["endpoint"], since=since, until=None, only_dead=False, owner=OPEN, actor=OWNER)
        case "send messages":
            send_messages_to(mail_port=asked["mail_port"], sms_url=asked["sms_url"])
        case "archive":
            die_at_statement(asked["statement"])
            tasks.reap()
        case "fix":
            call_command("reconcile_seats", "--fix", stdout=io.StringIO())


def send_messages_to(*, mail_port: int, sms_url: str) -> None:
    """Be a worker whose mail server, and whose service for SMS, are these."""
    settings.SEAL_KEYS = [bytes(range(32))]
    settings.MAIL_SERVER, settings.MAIL_FROM = MailServer(HOST, mail_port, "none"), SENDER
    settings.SMS_SERVICE, settings.SMS_FROM = TwilioAccount(sms_url, ACCOUNT, ACCOUNT, TOKEN), NUMBER
    tasks.send_messages()


def die_at_statement(number: int) -> None:
    """Die in front of the statement of this number, of those of the transaction that moves bookings; 0: of none."""
    move, counted = archiving._delete, itertools.count(1)

    def count_and_die(execute: Any, *rest: Any) -> Any:
        if next(counted) == number:
            points.die()
        return execute(*rest)

    def delete_and_die(*args: Any) -> None:
        with connection.execute_wrapper(count_and_die):
            move(*args)

    archiving._delete = delete_and_die


def send_before_writing() -> None:
    """Break the rule: ask for the seats first, write the booking down afterwards."""
    insert = creating._insert

    def send_and_insert(attempt: Any, *rest: Any, **given: Any) -> Any:
        change = SeatChange(uuid.uuid4(), attempt.order.flight_id, attempt.order.no_of_seats, reserves=True)
        wiring.flight_service().change_seats(change, seconds=2)
        return insert(attempt, *rest, **given)

    creating._insert = send_and_insert


def live_and_die(*, point: str, sends_first: bool = False, **asked: Any) -> None:
    """Be one process: watch for the point, act, and end."""

    def reached(names: tuple[str, ...]) -> None:
        if point in names:
            points.die()

    points.install(reached)
    for name, value in asked.get("settings", {}).items():
        setattr(settings, name, value)
    if sends_first:
        send_before_writing()
    act(asked)


if __name__ == "__main__":
    # Once for all: what a first request loads takes longer than the request.
    import_module(settings.ROOT_URLCONF)
    Api().client.handler.load_middleware()
    gc.freeze()
    serve(live_and_die)
