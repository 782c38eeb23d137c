"""Checks of what is under way: what waits for staff, what waits for an answer for too long, what should be gone."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bookings.conf import IDEMPOTENCY_RETENTION
from bookings.db.clock import database_time
from bookings.diagnostics.finding import Finding, Verdict, fail, ok, warn
from bookings.models import Reconciliation
from bookings.queries.announcements import waiting_since
from bookings.queries.upkeep.at_gateways import AtGateways, gateways
from bookings.queries.upkeep.open_work import (
    WaitingWork,
    Work,
    first_booking_made_at,
    oldest_answered_record,
    unanswered_payments,
    work,
)

# As the alerts: a call is repeated every 15 seconds, so the other side has not answered eight of them.
LONG_WITHOUT_ANSWER = timedelta(minutes=2)
# No restart takes so long: an operator of the other side must know.
TOO_LONG_WITHOUT_ANSWER = timedelta(minutes=30)
# As the alert.
ANNOUNCED_LATE = timedelta(seconds=60)
# Twelve comparisons of seats, and three hourly ones of payments; as the alerts.
SEATS_COMPARED_LATE = timedelta(hours=1)
PAYMENTS_COMPARED_LATE = timedelta(hours=3)
# As the alert: a working day, and a weekend before it.
DISPUTE_IS_DUE = timedelta(hours=72)
# The worker deletes every five minutes, and three million rows an hour after a pause.
REAPER_IS_LATE = timedelta(hours=1)

FLIGHTS_NAMED = 4
IN_THE_OFFICE = "in the back office, under Calls to the Flight Service"
IT_IS_REPEATED = (
    "The worker asks again every 15 s. Does the worker run, and does the other side answer? The errors stand"
)


def check_open_work() -> Iterator[Finding]:
    """
    Look at calls, payments, the last comparison of seats and old idempotency records.

    :raises DatabaseError: if the database does not answer any more
    """
    now, found = database_time(), work()
    yield from judge_calls(found, now).values()
    yield _without_answer(
        "payments", unanswered_payments(), now, f"{IT_IS_REPEATED} in the back office, under Payments."
    )
    yield from judge_gateways(gateways(), now)
    yield from _comparison(found.compared, now)
    yield _announcements(waiting_since(), now)
    yield _records(oldest_answered_record(), now)


def judge_calls(found: Work, now: datetime) -> dict[str, Finding]:
    """Judge calls that have no answer yet, and those that staff must decide about, by the names in `Work`."""
    repeated = f"{IT_IS_REPEATED} {IN_THE_OFFICE}."
    decide = f"Decide about each {IN_THE_OFFICE}; the worker does not send it again."
    in_the_office = "Decide about each in the back office, under {page}; the worker does not ask again."
    return {
        "open_calls": _without_answer("releases", found.open_calls, now, repeated),
        "dead_calls": _for_staff("dead releases", found.dead_calls, now, decide),
        "unknown_reservations": _without_answer("reservations", found.unknown_reservations, now, repeated),
        "stuck_reservations": _for_staff("stuck reservations", found.stuck_reservations, now, decide),
        "unknown_exchanges": _without_answer("exchanges", found.unknown_exchanges, now, repeated),
        "stuck_exchanges": _for_staff("stuck exchanges", found.stuck_exchanges, now, decide),
        "dead_payments": _for_staff(
            "dead payments", found.dead_payments, now, in_the_office.format(page="Payments, Needs a decision")
        ),
        "undecided_refunds": _for_staff(
            "undecided refunds", found.undecided_refunds, now, in_the_office.format(page="Refunds")
        ),
    }


def _without_answer(name: str, waiting: WaitingWork, now: datetime, hint: str) -> Finding:
    age = _age(waiting.since, now)
    verdict = judge_age(age)
    if verdict is not Verdict.OK:
        return Finding(verdict, name, f"{waiting.count} without an answer, the oldest for {in_words(age)}", hint)
    return ok(name, f"{waiting.count} under way" if waiting.count else "none without an answer")


def judge_age(age: timedelta) -> Verdict:
    """Judge for how long the oldest of what is under way has had no answer."""
    if age > TOO_LONG_WITHOUT_ANSWER:
        return Verdict.FAIL
    return Verdict.WARN if age > LONG_WITHOUT_ANSWER else Verdict.OK


def _for_staff(name: str, waiting: WaitingWork, now: datetime, hint: str) -> Finding:
    if not waiting.count:
        return ok(name, "none")
    return fail(name, f"{waiting.count} need a decision, the oldest for {in_words(_age(waiting.since, now))}", hint)


def judge_gateways(found: AtGateways, now: datetime) -> Iterator[Finding]:
    """Judge notices, disputes, and the last comparison of payments; nothing is said of what was never there."""
    hint = f"{IT_IS_REPEATED} in the back office, under Notices of gateways."
    yield _without_answer("notices", found.notices, now, hint)
    if found.last_notice_at is not None:
        yield ok("last notice", f"a payment gateway told something {in_words(_age(found.last_notice_at, now))} ago")
    if found.disputes.count:
        yield _disputes(found, now)
    last = found.compared
    if last is None:
        return
    where = "See BookingsMoneyDiffers in docs/operations.md; `manage.py reconcile_payments` compares again."
    age = _age(last.finished_at, now)
    if last.differences:
        yield fail("payments compared", f"{len(last.differences)} differ from the gateways", where)
    elif age > PAYMENTS_COMPARED_LATE:
        said = f"payments were last compared {in_words(age)} ago; the worker does it every hour"
        yield fail("payments compared", said, where)
    else:
        yield ok("payments compared", f"they were as at the gateways {in_words(age)} ago")


def _disputes(found: AtGateways, now: datetime) -> Finding:
    said = f"{found.disputes.count} open, the oldest for {in_words(_age(found.disputes.since, now))}"
    if found.answer_by is None:
        return ok("disputes", f"{said}; the banks decide")
    left = found.answer_by - now
    said = f"{said}; the next must be answered by {found.answer_by:%Y-%m-%d}"
    find = fail if left < DISPUTE_IS_DUE else warn
    return find("disputes", said, "Answer it at the gateway; the back office, under Disputes, says which.")


def _comparison(last: Reconciliation | None, now: datetime) -> Iterator[Finding]:
    """Judge what the last comparison of seats found, and how long ago that was."""
    hint = (
        "Is the task `compare seats` paused, or does it fail (back office, Failed tasks)? `manage.py reconcile_seats` "
        "compares now, and shows what keeps it from finishing."
    )
    if last is None:
        if _age(first_booking_made_at(), now) > SEATS_COMPARED_LATE:
            # No fault of ours where the Flight Service shows no capacity.
            yield warn("comparison", "seats were never compared, and there are bookings", hint)
        else:
            yield ok("comparison", "seats were never compared yet; the worker does it every five minutes")
        return
    age = _age(last.finished_at, now)
    if age > SEATS_COMPARED_LATE:
        found = f"seats were last compared {in_words(age)} ago; the worker does it every five minutes"
        yield fail("comparison", found, hint)
    else:
        yield ok("comparison", f"seats were compared {in_words(age)} ago")
    if not last.drift:
        yield ok("drift", "none at the last comparison")
        return
    named = ", ".join(
        f"{row['flight']} ({row['held']} held, {row['taken']} taken)" for row in last.drift[:FLIGHTS_NAMED]
    )
    more = f" and {len(last.drift) - FLIGHTS_NAMED} more" if len(last.drift) > FLIGHTS_NAMED else ""
    yield fail(
        "drift",
        f"seats differ from the Flight Service's on flights {named}{more}",
        "`manage.py reconcile_seats` compares again. Find the cause first, then `--fix --reason`: see "
        "BookingsSeatsDrift in docs/operations.md.",
    )


def _announcements(since: datetime | None, now: datetime) -> Finding:
    """Judge for how long others have not been told what there is to tell. A time to come is a reminder's."""
    name, age = "announcements", _age(since, now)
    if age <= ANNOUNCED_LATE:
        return ok(name, "others are told what happens to bookings")
    said = f"others have not been told for {in_words(age)} what happened to a booking"
    return fail(name, said, "Does the worker run? `manage.py run_pass` announces what is due; its log says what fails.")


def _records(oldest: datetime | None, now: datetime) -> Finding:
    name = "idempotency"
    if oldest is None or now - oldest <= IDEMPOTENCY_RETENTION + REAPER_IS_LATE:
        return ok(name, "no record is older than it must be")
    kept = IDEMPOTENCY_RETENTION // timedelta(hours=1)
    return fail(
        name,
        f"the oldest record is {in_words(now - oldest)} old, and is kept for {kept} h: old rows are not deleted",
        "Does the worker run, is the task `delete old rows` paused, or does it fail (back office, Failed tasks)? After "
        "a pause it deletes three million rows an hour.",
    )


def _age(since: datetime | None, now: datetime) -> timedelta:
    return timedelta() if since is None else max(timedelta(), now - since)


def in_words(length: timedelta) -> str:
    """Say a duration in a unit that an operator thinks in, rounded down."""
    minutes = length // timedelta(minutes=1)
    if minutes < 1:
        return f"{length.seconds} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
