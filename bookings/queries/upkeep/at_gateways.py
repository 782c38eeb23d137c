"""What payment gateways have told and shown, as the doctor judges it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min

from bookings.models import Dispute, GatewayNotice, PaymentComparison
from bookings.models.notices import GatewayNoticeState
from bookings.queries.payment_comparisons import last_payment_comparison
from bookings.queries.upkeep.open_work import WaitingWork


@dataclass(frozen=True, slots=True)
class AtGateways:
    """Notices to be looked into, when the last one came, disputes that are open, and the last comparison."""

    notices: WaitingWork
    last_notice_at: datetime | None
    disputes: WaitingWork
    # The first day on which one of them must be answered; None: none must be.
    answer_by: datetime | None
    compared: PaymentComparison | None


def gateways() -> AtGateways:
    """Read it off short ranges of indexes."""
    new = GatewayNotice.objects.filter(state=GatewayNoticeState.NEW)
    disputes = Dispute.objects.filter(closed_at=None).aggregate(
        count=Count("pk"), since=Min("opened_at"), by=Min("answer_by")
    )
    return AtGateways(
        notices=WaitingWork(**new.aggregate(count=Count("pk"), since=Min("received_at"))),
        last_notice_at=GatewayNotice.objects.aggregate(at=Max("received_at"))["at"],
        disputes=WaitingWork(disputes["count"], disputes["since"]),
        answer_by=disputes["by"],
        compared=last_payment_comparison(),
    )
