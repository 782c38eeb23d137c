"""
Write down what owners of webhook endpoints and operators are to be told by mail.

See Note [Reports are found, not caused].
"""

# Note [Reports are found, not caused]
# What sends webhooks writes nothing for owners: an endpoint's row says since when it fails, so a look every five
# minutes finds all that there is to tell, and no sending waits for that. Each report has a key that says what happened
# and when, unique in the database. So of two looks at the same time one writes it, and one after a crash nothing twice.
# A report is looked at again when it is sent: of an endpoint that works by then its owner is told nothing.

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog

from bookings.conf import operators_mail, sends_mail
from bookings.db.clock import database_time
from bookings.db.transactions import in_one_statement
from bookings.deadline import Deadline
from bookings.models import Report, WebhookEndpoint
from bookings.models.messages import MessageState
from bookings.models.reports import ReportKind
from bookings.models.webhooks import SENT_TO, EndpointState
from bookings.queries.reports import (
    dead_between,
    disabled_by,
    has_delivered_since,
    is_reported,
    last_counted,
    last_warning,
    messages_ended_between,
    watched_endpoints,
)
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each

log = structlog.get_logger(__name__)

# An hour is longer than a deployment; after a day its owner has to be told again.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# Of the day, in UTC: before the working day in Europe, and at the end of that in America.
COUNTS_FROM_HOUR = 6

# What was given up just now may not be seen yet: it counts the next time.
SETTLED = timedelta(minutes=2)

# The first count of all looks back so far.
FIRST_COUNT = timedelta(days=1)

WORTH_FOR = timedelta(days=1)


def write_reports(*, deadline: Deadline) -> int:
    """
    Write what there is to tell of each endpoint, and what operators are told once a day; return how many reports.

    :raises ExceptionGroup: at the end, if it failed for some endpoints
    """
    if not sends_mail():
        return 0
    now = database_time()
    written = for_each(watched_endpoints(), lambda endpoint: _write_all(_of(endpoint, now)), deadline=deadline)
    return written + (_write_all(_to_operators(now)) if operators_mail() else 0)


def _write_all(reports: Iterator[Report]) -> int:
    return sum(_write(report) for report in reports if not is_reported(report.key))


@in_one_statement("report.write")
def _write(report: Report) -> int:
    """Write a report, unless another process has written it: its key decides."""
    Report.objects.bulk_create([report], ignore_conflicts=True)
    log.info("report.written", what=str(report.kind))
    return 1


def _of(endpoint: WebhookEndpoint, now: datetime) -> Iterator[Report]:
    """Make what there is to tell the owner of an endpoint. Nothing is saved."""
    if endpoint.state in SENT_TO and endpoint.failing_since is not None:
        failing_for, since = now - endpoint.failing_since, endpoint.failing_since
        if failing_for >= HOUR:
            kind = ReportKind.FAILING_DAY if failing_for >= DAY else ReportKind.FAILING_HOUR
            yield _report(kind, endpoint, f"{since.timestamp():.6f}", since=since, now=now)
    elif endpoint.state == EndpointState.DISABLED:
        if (event := disabled_by(endpoint)) is not None:
            yield _report(ReportKind.DISABLED, endpoint, str(event.pk), since=event.created_at, now=now)
    elif endpoint.state in SENT_TO:
        yield from _works_again(endpoint, now)
    yield from _dead(endpoint, now)


def _works_again(endpoint: WebhookEndpoint, now: datetime) -> Iterator[Report]:
    """Take back the last bad news, if its owner has got that, and something was delivered since."""
    warning = last_warning(endpoint)
    if warning is None or warning.state not in (MessageState.SENT, MessageState.UNKNOWN):
        return
    if has_delivered_since(endpoint, warning.created_at):
        yield _report(ReportKind.WELL, endpoint, str(warning.pk), since=warning.since, now=now)


def _dead(endpoint: WebhookEndpoint, now: datetime) -> Iterator[Report]:
    if now.astimezone(UTC).hour < COUNTS_FROM_HOUR:
        return
    report = _report(ReportKind.DEAD, endpoint, _day(now), since=endpoint.created_at, now=now)
    report.since = last_counted(ReportKind.DEAD, endpoint) or report.since
    report.until = now - SETTLED
    report.counts = {"dead": dead_between(report.since, report.until, endpoint)}
    if report.counts["dead"]:
        yield report


def _to_operators(now: datetime) -> Iterator[Report]:
    if now.astimezone(UTC).hour < COUNTS_FROM_HOUR:
        return
    report = _report(ReportKind.OPERATORS, None, _day(now), since=now - FIRST_COUNT, now=now)
    report.since = last_counted(ReportKind.OPERATORS, None) or report.since
    report.until = now - SETTLED
    report.counts = {
        "unknown": messages_ended_between(report.since, report.until, MessageState.UNKNOWN),
        "refused": messages_ended_between(report.since, report.until, MessageState.REFUSED),
        "dead": dead_between(report.since, report.until),
    }
    if any(report.counts.values()):
        yield report


def _day(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m-%d}"


def _report(kind: ReportKind, endpoint: WebhookEndpoint | None, what: str, *, since: datetime, now: datetime) -> Report:
    """Make a report. Its key names the endpoint and the one time at which it is so."""
    return Report(
        key=" ".join([kind, *([endpoint.key] if endpoint else []), what]),
        kind=kind,
        endpoint=endpoint,
        since=since,
        until=now,
        worthless_at=now + WORTH_FOR,
        created_at=now,
        **leases.not_sent_yet(now),
    )
