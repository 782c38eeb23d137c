"""Sends many events to many receivers, some of which hang, by a worker as it runs in production."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest import mock

from django.db import connection, transaction

from bookings.db.clock import database_time
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState, EndpointState
from bookings.queries.upkeep.background import last_pass_finished_at
from tests.campaigns.telling.receiver import Receiver, start_receiver
from tests.campaigns.verdict import Round
from tests.support.processes import PLENTY, start_flightsim
from tests.support.servers import database_url, environment, start_worker
from tests.support.waiting import await_that
from tests.support.webhooks import announcements, let_webhooks_wait, to_deliver

PATIENCE_SECONDS = 600.0
LOOK_EVERY_SECONDS = 0.1
# Bookings that the events are of; those of one booking are sent one after the other.
EVENTS_OF_A_BOOKING = 5
# A worker's first pass, on a busy machine.
START_SECONDS = 120.0


@dataclass
class Flow:
    """Receivers, and the worker that sends to them."""

    receiver: Receiver

    def endpoints(self, names: Sequence[str]) -> list[WebhookEndpoint]:
        """Make endpoints that need not answer a ping first, whatever their owners have already."""
        made = []
        for name in names:
            endpoint = self.receiver.make_endpoint(name)
            # At once, as the worker looks for what to send meanwhile.
            WebhookDelivery.objects.filter(endpoint=endpoint).delete()
            made.append(endpoint.pk)
        WebhookEndpoint.objects.filter(pk__in=made).update(state=EndpointState.ACTIVE)
        return list(WebhookEndpoint.objects.filter(pk__in=made).order_by("pk"))

    def send(self, endpoints: Sequence[WebhookEndpoint], events: int) -> float:
        """Write so many events and their deliveries, all at once; give the moment from which seconds count."""
        with transaction.atomic():
            told = announcements(events, bookings=max(1, events // EVENTS_OF_A_BOOKING))[-events:]
            for endpoint in endpoints:
                to_deliver(endpoint, told)
        return time.monotonic()

    def delivered(self, endpoints: Sequence[WebhookEndpoint]) -> int:
        """Count what these endpoints have."""
        return WebhookDelivery.objects.filter(endpoint__in=endpoints, state=DeliveryState.DELIVERED).count()


class Sweep:
    """How old the last pass of the worker is, as it is looked at again and again."""

    def __init__(self) -> None:
        self.ages: list[float] = []

    def look(self) -> None:
        finished_at = last_pass_finished_at()
        if finished_at is not None:
            self.ages.append((database_time() - finished_at).total_seconds())

    def watch(self, seconds: float) -> None:
        """Look for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)

    def p99(self) -> float:
        """Give the age that 99 of 100 were below."""
        ages = sorted(self.ages)
        return ages[int(len(ages) * 0.99)] if ages else 0.0


def many(flow: Flow, *, events: int, hanging: int, limit_seconds: float) -> Round:
    """Send events to two endpoints that answer, and to some that hang: those that answer get all of them in time."""
    result = Round(f"{events} events, {hanging} of {2 + hanging} hang", limit_seconds)
    good = [f"good-{number}-{hanging}" for number in range(2)]
    bad = [f"hang-{number}-{hanging}" for number in range(hanging)]
    answering, silent = flow.endpoints(good), flow.endpoints(bad)
    for name in bad:
        flow.receiver.does(name, "hang")
    since = flow.send([*answering, *silent], events)
    wanted, first_minute = events * len(answering), 0

    def unfinished() -> list[str]:
        nonlocal first_minute
        if time.monotonic() - since <= 60:
            first_minute = sum(flow.receiver.journal()[name]["came"] for name in bad)
        return [] if flow.delivered(answering) >= wanted else [f"{flow.delivered(answering)} of {wanted} delivered"]

    result.recover(unfinished, since=since, patience_seconds=PATIENCE_SECONDS)
    result.wrong += _not_as_sent(flow, good, events)
    if first_minute > 10 * max(1, hanging):
        result.wrong.append(f"{first_minute} sent to those that hang within a minute")
    seconds = result.recovered_after or PATIENCE_SECONDS
    result.figures = {"delivered": wanted, "each second": wanted / seconds, "to those that hang": first_minute}
    _end(answering, silent)
    return result


def most_hang(flow: Flow, *, events: int, endpoints: int, hanging: int, limit_seconds: float) -> Iterator[Round]:
    """Let most endpoints hang: the others get everything in time, passes go on, and those that come back get theirs."""
    quiet, busy = Sweep(), Sweep()
    quiet.watch(15)
    names = [f"receiver-{number}" for number in range(endpoints)]
    all_of_them = flow.endpoints(names)
    for name in names[:hanging]:
        flow.receiver.does(name, "hang")
    result = Round(f"{events} events, {hanging} of {endpoints} hang", limit_seconds)
    since = flow.send(all_of_them, events)
    wanted = events * (endpoints - hanging)

    def unfinished() -> list[str]:
        busy.look()
        there = flow.delivered(all_of_them[hanging:])
        return [] if there >= wanted else [f"{there} of {wanted} delivered"]

    result.recover(unfinished, since=since, patience_seconds=PATIENCE_SECONDS)
    result.wrong += _not_as_sent(flow, names[hanging:], events)
    busy.watch(15)
    to_silent = sum(flow.receiver.journal()[name]["came"] for name in names[:hanging])
    result.figures = {
        "delivered": wanted,
        "to those that hang": to_silent,
        "age of a pass, p99": busy.p99(),
        "without": quiet.p99(),
    }
    yield result

    back = Round(f"{hanging} come back after ten minutes", 60)
    for name in names[:hanging]:
        flow.receiver.does(name)
    let_webhooks_wait(minutes=10)
    since, all_wanted = time.monotonic(), events * endpoints

    def left() -> list[str]:
        there = flow.delivered(all_of_them)
        return [] if there >= all_wanted else [f"{there} of {all_wanted} delivered"]

    back.recover(left, since=since, patience_seconds=PATIENCE_SECONDS)
    back.wrong += _not_as_sent(flow, names, events)
    back.figures = {"delivered": events * hanging}
    yield back


def _not_as_sent(flow: Flow, names: Sequence[str], events: int) -> list[str]:
    """Say what is not as promised of receivers that were to get everything: once, believed, and in order."""
    journal, found = flow.receiver.journal(), []
    for name in names:
        came = journal[name]
        if came["ids"] != events:
            found.append(f"{name}: {came['ids']} of {events} events")
        found += [f"{name}: {came[what]} {what}" for what in ("refused", "different") if came[what]]
    return found


def _end(*endpoints: Sequence[WebhookEndpoint]) -> None:
    """Send nothing more there: the next round has receivers of its own."""
    ids = [each.pk for some in endpoints for each in some]
    WebhookEndpoint.objects.filter(pk__in=ids).update(state=EndpointState.RETIRED)


@contextmanager
def start_flow() -> Iterator[Flow]:
    """Run a Flight Service, the receivers and a worker, on the configured database, which is migrated."""
    with ExitStack() as running:
        sim = running.enter_context(start_flightsim("--capacity", str(PLENTY)))
        receiver = running.enter_context(start_receiver())
        running.enter_context(mock.patch("bookings.services.webhooks.endpoints.ENDPOINTS_OF_AN_OWNER", 50))
        known = {"DATABASE_URL": database_url(), "FLIGHT_SERVICE_URL": sim.url, "LOG_LEVEL": "CRITICAL"}
        worker = running.enter_context(start_worker(env=environment(**known, **receiver.settings())))
        await_that(last_pass_finished_at, worker.printed, seconds=START_SECONDS)
        connection.close()
        yield Flow(receiver)
