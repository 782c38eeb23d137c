import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from bookings import wiring
from bookings.conf import seats_have_numbers
from bookings.db.clock import database_time
from bookings.diagnostics import (
    archive,
    background,
    cells,
    cluster,
    database,
    health,
    mail,
    open_work,
    payment_accounts,
    peer,
    site,
    staff,
    webhooks,
)
from bookings.diagnostics.finding import Finding, Verdict, fail, in_one_line, warn
from bookings.management.arguments import flight
from bookings.models import ApiKey
from bookings.ports import FlightService


class Command(BaseCommand):
    help = (
        "Looks at settings, database, migrations, replica, clocks, Flight Service, payment accounts, worker, Redis and "
        "open work, changes nothing, and says what to do about each fault. Exits with 1 if something does not work or "
        "waits for a decision. Only --try-flight takes a seat, and gives it back."
    )
    # They are one of the findings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--try-flight",
            type=flight,
            metavar="N",
            help="find out whether the Flight Service honors Idempotency-Key: take a seat of flight N twice with "
            "one key, and give back what that took; with FLIGHT_SERVICE_SEAT_NUMBERS also one by its number. N must be "
            "a flight that no client books",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        for finding in self._findings(options["try_flight"]):
            found.append(finding)
            if not options["json"]:
                self._show(finding)
        counts = {verdict: sum(each.verdict is verdict for each in found) for verdict in Verdict}
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found, counts)))
        else:
            self.stdout.write(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
        if counts[Verdict.FAIL]:
            raise CommandError("Something does not work, or waits for a decision.", returncode=1)

    def _findings(self, try_flight: int | None) -> Iterator[Finding]:
        yield from site.check_settings()
        connected = health.database()
        yield connected
        is_there = connected.verdict is Verdict.OK
        if is_there:
            yield from _guarded("database server", database.check_server)
            yield from _guarded("cluster", cluster.check_cluster)
            yield health.migrations()
            yield from _guarded("cell", cells.check_cell)
            yield from _guarded("clock", lambda: iter([database.check_clock()]))
            yield from _guarded("database clock", lambda: iter([database.check_database_clock()]))
            yield health.worker()
            yield from _guarded("queue", background.check_queue)
            yield from _guarded("schedules", background.check_schedules)
            yield from _guarded("open work", open_work.check_open_work)
            yield from _guarded("archive", archive.check_archive)
            yield from _guarded("webhooks", lambda: webhooks.check_webhooks(wiring.webhooks(), wiring.seal()))
            yield from _guarded("mail", lambda: mail.check_mail(wiring.mail(), wiring.sms(), wiring.seal()))
            yield from _guarded("groups of staff", staff.check_groups)
            yield from _guarded("replica", background.check_replica)
        else:
            yield warn("worker", "not looked at, nor are tables, clock and open work", "Repair the database first.")
        yield from site.check_callers(_active_keys() if is_there else None)
        yield from peer.check_peer(wiring.flight_service(), try_flight)
        if try_flight is not None:
            self.stderr.write(
                f"Taking a seat of flight {try_flight} twice with one key, and giving back what that takes. If "
                "this is killed, give back by hand what is missing there."
            )
            yield from _tried(wiring.bare_flight_service(), try_flight)
        yield from payment_accounts.check_accounts(wiring.payment_gateways())
        yield background.check_redis()
        yield from cells.check_keys_of_cells()

    def _show(self, finding: Finding) -> None:
        self.stdout.write(f"{finding.verdict:<4}  {finding.name:<20}  {finding.message}")
        if finding.hint:
            self.stdout.write(f"{'':28}-> {finding.hint}")


def _tried(flights: FlightService, flight_id: int) -> Iterator[Finding]:
    """Try keys, and then numbers: what became of a seat by number can be found out by its key alone."""
    keys = peer.check_keys(flights, flight_id)
    yield keys
    if seats_have_numbers():
        is_keyed = keys.verdict is Verdict.OK
        later = warn(peer.NUMBERS, "not tried, as keys are not honored for certain", "See to the keys first.")
        yield peer.check_numbers(flights, flight_id) if is_keyed else later


def _guarded(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Let a check fail that the database does not answer: a table is missing, or the server goes away."""
    try:
        yield from look()
    except DatabaseError as error:
        connections.close_all()
        yield fail(name, in_one_line(error), "If migrations are missing, apply them; if not, read the database's log.")


def _active_keys() -> int | None:
    try:
        rows = ApiKey.objects.filter(revoked_at=None, expires_at__gt=database_time())
        return rows.count()
    except DatabaseError:
        return None


def _as_json(found: list[Finding], counts: dict[Verdict, int]) -> dict[str, Any]:
    return {
        "counts": {verdict.value: count for verdict, count in counts.items()},
        "findings": [
            {"verdict": each.verdict.value, "name": each.name, "message": each.message, "hint": each.hint}
            for each in found
        ],
    }
