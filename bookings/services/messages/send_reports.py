"""Send what owners of webhook endpoints and operators are told: each report is claimed, sent, and its end recorded."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from bookings.answers.messages import LANGUAGES
from bookings.answers.reports import report_written
from bookings.conf import operators_mail
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Report
from bookings.models.messages import Channel
from bookings.models.reports import ReportKind
from bookings.models.webhooks import SENT_TO, EndpointState
from bookings.observability import metrics
from bookings.ports.messages import Mail, MessageChannel, MessageOutcome, Sent
from bookings.queries.messages import is_suppressed
from bookings.queries.reports import due_reports
from bookings.services.messages.contacts import Address, marks_of
from bookings.services.messages.outgoing import TAKES_NOTHING, lease_or_end, write_outcome
from bookings.services.messages.rules import SEND_SECONDS
from bookings.services.messages.send import WORDS
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.sealing import Seal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClaimedReport:
    """A report that this process may send, and to whom."""

    report: Report
    lease: UUID
    address: Address
    # The newest first.
    marks: tuple[str, ...]


def send_reports(*, mail: MessageChannel[Mail], seal: Seal, deadline: Deadline) -> int:
    """
    Send the reports that are due, one after the other, until the time is up; return how many were taken over.

    Safe to run beside itself: each report is leased.

    :raises ExceptionGroup: at the end, if some failed
    """
    return for_each(due_reports(database_time()), lambda report_id: _send(report_id, mail, seal), deadline=deadline)


def _send(report_id: int, mail: MessageChannel[Mail], seal: Seal) -> int:
    claimed = claim_report(report_id, lease=uuid.uuid4(), seal=seal)
    if claimed is None:
        return 0
    outcome = mail.send(_letter(claimed), seconds=SEND_SECONDS[Channel.MAIL])
    record_report(claimed, outcome)
    word = WORDS[type(outcome)]
    metrics.MESSAGES.labels(Channel.MAIL, word).inc()
    log.info("message.ended", item=f"report {report_id}", outcome=word)
    return int(isinstance(outcome, Sent))


def _letter(claimed: ClaimedReport) -> Mail:
    made = report_written(claimed.report)
    # The same for each sending, and nothing that a server could object to.
    key = f"report_{hashlib.sha256(claimed.report.key.encode()).hexdigest()[:32]}"
    to, language = claimed.address.email, LANGUAGES[0]
    return Mail(key=key, to=to, language=language, subject=made.subject, text=made.text, html=made.html)


@in_transaction("report.claim")
def claim_report(report_id: int, *, lease: UUID, seal: Seal) -> ClaimedReport | None:
    """
    Lease a report that is due. None: another process has it, or it is not sent any more, and then its row says why.

    Locks the report alone. Its endpoint is looked at as it is now.
    """
    report = Report.objects.select_for_update(skip_locked=True).filter(pk=report_id).first()
    if report is None:
        return None
    now = database_time()
    return lease_or_end(
        report,
        lease=lease,
        now=now,
        opened=lambda: _opened(report, seal, lease=lease),
        why_not=lambda claimed: _why_not(report, claimed, now),
    )


def _opened(report: Report, seal: Seal, *, lease: UUID) -> ClaimedReport | None:
    address = _address_of(report, seal)
    if address is None:
        return None
    return ClaimedReport(report, lease, address, tuple(marks_of(address, Channel.MAIL, seal=seal)))


def _address_of(report: Report, seal: Seal) -> Address | None:
    """
    Tell to whom a report goes; None: to no one any more.

    :raises CannotOpen: if no key of this installation opens the address
    """
    if report.endpoint is None:
        to = operators_mail()
        return Address(to) if to else None
    sealed, place = report.endpoint.contact_email, report.endpoint.place_of("contact_email")
    return Address(seal.open(bytes(sealed), place=place).decode()) if sealed else None


def _why_not(report: Report, claimed: ClaimedReport | None, now: datetime) -> str:
    """Tell why a report is not sent that could be; empty: it is."""
    if claimed is None:
        return "there is no address"
    if not _is_still_so(report):
        return "no longer so"
    return TAKES_NOTHING if is_suppressed(claimed.marks, Channel.MAIL, now) else ""


def _is_still_so(report: Report) -> bool:
    """Tell whether what a report says is true of its endpoint, which was read just now."""
    endpoint, kind = report.endpoint, report.kind
    if endpoint is None or kind == ReportKind.DEAD:
        return True
    if kind == ReportKind.DISABLED:
        return endpoint.state == EndpointState.DISABLED
    is_as_said = endpoint.failing_since is None if kind == ReportKind.WELL else endpoint.failing_since == report.since
    return endpoint.state in SENT_TO and is_as_said


@in_transaction("report.record")
def record_report(claimed: ClaimedReport, outcome: MessageOutcome) -> None:
    """
    Write down how a sending ended. That it was taken over counts under whichever lease, the rest under its own alone.

    Locks the report, then the row of a suppressed address.
    """
    report = Report.objects.select_for_update().get(pk=claimed.report.pk)
    write_outcome(report, outcome, lease=claimed.lease, marks=claimed.marks)
