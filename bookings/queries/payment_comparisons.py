"""Payments as comparisons with the gateways need them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from bookings.models import Payment, PaymentComparison
from bookings.models.payments import CHARGED

# Rows that are read with one statement.
CHUNK = 500


def rows_by_key(gateway: str, keys: Sequence[UUID]) -> dict[UUID | None, Payment]:
    """Give the payments of a gateway that have these keys."""
    rows = Payment.objects.filter(gateway=gateway, gateway_key__in=keys).prefetch_related("refunds")
    return {row.gateway_key: row for row in rows}


def charged_since(gateway: str, since: datetime, *, until: datetime) -> Iterator[Payment]:
    """
    Give the payments of a gateway that took money and were begun in this time, the newest first.

    There is no index by time: the primary key is walked from its end, as rows are made in the order of time.
    """
    last = None
    while True:
        rows = Payment.objects.order_by("-pk") if last is None else Payment.objects.order_by("-pk").filter(pk__lt=last)
        chunk = list(rows[:CHUNK])
        for row in chunk:
            if row.created_at < since:
                return
            if row.gateway == gateway and row.state in CHARGED and row.created_at < until:
                yield row
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].pk


def last_payment_comparison() -> PaymentComparison | None:
    """Give the newest comparison that was kept; None before the first one."""
    return PaymentComparison.objects.order_by("-finished_at", "-pk").first()
