"""What a gateway says that sends nothing, needs no payer, and makes each refund at once."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from bookings.ports import (
    DisputeOutcome,
    Intent,
    Mistake,
    NotGenuine,
    Notice,
    Refunded,
    RefundOrder,
    RefundOutcome,
    RefundsOutcome,
    RefundsSeen,
    SeenPayment,
)
from bookings.text.money import Money


class QuietGateway:
    """
    Takes any amount, refunds at once, knows no disputes, keeps no list and sends no notices.

    How it charges is up to the others.
    """

    def refuses(self, money: Money) -> str:
        return ""

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        return Refunded()

    def look_at_refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        return Refunded()

    def refunds_of(self, intent: Intent, *, seconds: float) -> RefundsOutcome:
        return RefundsSeen(())

    def payments_since(self, since: datetime, *, seconds: float) -> Iterator[SeenPayment] | None:
        return None

    def look_at_dispute(self, dispute_id: str, *, seconds: float) -> DisputeOutcome:
        return Mistake("there are no disputes here")

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        raise NotGenuine("this gateway sends none")

    def is_available(self) -> bool:
        return True
