"""Send what owners of webhook endpoints and operators are told: each report is claimed, sent, and its end recorded."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from bookings.answers.messages import LANGUAGES
from bookings.answers.reports import report_written
from bookings.conf import operators_mail
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Report, SuppressedAddress
from bookings.models.messages import Channel, MessageState
from bookings.models.reports import ReportKind
from bookings.models.webhooks import SENT_TO, EndpointState
from bookings.observability import metrics
from bookings.ports.messages import Mail, MessageChannel, MessageOutcome, Refused, Sent
from bookings.queries.messages import is_suppressed
from bookings.queries.reports import due_reports
from bookings.services.messages.claim import LOST, after, ended
from bookings.services.messages.contacts import Address, marks_of
from bookings.services.messages.rules import LEASE, MOST_UNKNOWNS, SEND_SECONDS, SUPPRESSED_FOR
from bookings.services.messages.send import WORDS
from bookings.services.shared import leases
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.sealing import CannotOpen, Seal

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
    if report is None or report.next_at is None:
        return None
    now = database_time()
    is_mine = report.lease == lease  # the COMMIT of the run before this one was lost
    if not is_mine and report.next_at > now:
        return None
    unknowns = report.unknowns + (report.lease is not None and not is_mine)
    try:
        address = _address_of(report, seal)
    except CannotOpen:
        log.exception("message.address_not_opened", item=f"report {report_id}")
        leases.write(report, {"lease": None, "unknowns": unknowns, "next_at": now + LEASE})
        return None
    marks = tuple(marks_of(address, Channel.MAIL, seal=seal)) if address else ()
    if not is_mine:
        report.unknowns = unknowns
        if (end := _end_of(report, address, marks, now)) is not None:
            leases.write(report, {"unknowns": unknowns, **end})
            return None
        leases.write(report, {"unknowns": unknowns, **leases.leased(lease, now, before=report, term=LEASE)})
    return ClaimedReport(report, lease, address, marks) if address else None


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


def _end_of(report: Report, address: Address | None, marks: tuple[str, ...], now: datetime) -> dict[str, Any] | None:
    """Tell how a report ends that is not sent; None: it is."""
    if report.unknowns >= MOST_UNKNOWNS[report.channel]:
        return ended(MessageState.UNKNOWN, now, LOST)
    if now >= report.worthless_at:
        return ended(MessageState.LAPSED, now, report.last_error or "too late")
    if address is None:
        return ended(MessageState.SKIPPED, now, "there is no address")
    if not _is_still_so(report):
        return ended(MessageState.SKIPPED, now, "no longer so")
    if is_suppressed(marks, Channel.MAIL, now):
        return ended(MessageState.SKIPPED, now, "the address takes nothing")
    return None


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
    now = database_time()
    if isinstance(outcome, Sent):
        if report.state in (MessageState.PENDING, MessageState.UNKNOWN):
            leases.write(report, ended(MessageState.SENT, now))
        return
    if report.lease != claimed.lease:
        return
    leases.write(report, after(report, outcome, now))
    if isinstance(outcome, Refused):
        SuppressedAddress.objects.update_or_create(
            address_mark=claimed.marks[0],
            channel=Channel.MAIL,
            defaults={"why": outcome.why[:200], "until": None if outcome.is_for_good else now + SUPPRESSED_FOR},
        )
