"""
A payment gateway of another shape, in one file: the payer approves an order at an address, and then we capture it.

As PayPal has it. Only our capture takes money, so closing an order is to look whether it was captured. What stands on
the other side is `Orders`: it keeps keys, and loses requests and answers on demand.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from bookings.ports import (
    Action,
    ActionKind,
    AwaitsPayer,
    Charged,
    ChargeOutcome,
    Closed,
    Declined,
    DisputeOutcome,
    Intent,
    Mistake,
    NotGenuine,
    Notice,
    NotSent,
    Opened,
    OpenOutcome,
    Refunded,
    RefundFailed,
    RefundOrder,
    RefundOutcome,
    RefundsOutcome,
    RefundsSeen,
    SeenPayment,
    SeenRefund,
    Unknown,
)
from bookings.text.money import Money

T = TypeVar("T")


@dataclass
class Order:
    """An order on the other side: created, approved by the payer, captured by us."""

    money: Money
    key: UUID
    approved: bool = False
    captured: bool = False
    is_covered: bool = True


@dataclass
class Orders:
    """The other side. The first answer to a key is the answer. It loses the next request, or the next answer."""

    orders: dict[str, Order] = field(default_factory=dict)
    refunds: dict[UUID, tuple[str, Money]] = field(default_factory=dict)
    is_down: bool = False
    loses: str = ""

    def ask(self, work: Callable[[], T]) -> T | NotSent | Unknown:
        """Carry out what is asked for, unless it gets lost on its way here, or the answer on its way back."""
        if self.is_down:
            return NotSent("no connection")
        loses, self.loses = self.loses, ""
        if loses == "request":
            return Unknown("no answer")
        answer = work()
        return Unknown("no answer") if loses == "reply" else answer

    def create(self, key: UUID, money: Money) -> str:
        """Make an order, once for each key."""
        self.orders.setdefault(f"order-{key}", Order(money, key))
        return f"order-{key}"

    def capture(self, id_: str) -> Order | None:
        """Take the money of an order that was approved, if there is any."""
        order = self.orders.get(id_)
        if order is not None and order.approved and order.is_covered:
            order.captured = True
        return order

    def refund(self, key: UUID, id_: str, money: Money) -> bool:
        """Give money back, once for each key, if it was taken."""
        order = self.orders.get(id_)
        if order is not None and order.captured:
            self.refunds.setdefault(key, (id_, money))
        return key in self.refunds

    def taken(self, id_: str) -> int:
        """What was taken for an order and not given back."""
        order = self.orders.get(id_)
        back = sum(money.amount for order_id, money in self.refunds.values() if order_id == id_)
        return order.money.amount - back if order is not None and order.captured else 0


class CapturingPayments:
    """The port over orders that the payer approves."""

    name = "capturing"
    settles_here = False

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def refuses(self, money: Money) -> str:
        return "" if money.currency in ("EUR", "USD") else f"no payments in {money.currency}"

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        id_ = self._orders.ask(lambda: self._orders.create(intent.key, intent.money))
        return Opened(id_, _approval_of(id_)) if isinstance(id_, str) else id_

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        return _standing(intent, self._orders.ask(lambda: self._orders.capture(intent.id)))

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        return _standing(intent, self._orders.ask(lambda: self._orders.orders.get(intent.id)))

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        stands = self.look(intent, seconds=seconds)
        return Closed() if isinstance(stands, AwaitsPayer | Declined) else stands

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        made = self._orders.ask(lambda: self._orders.refund(order.key, order.intent.id, order.money))
        return made if isinstance(made, NotSent | Unknown) else _refund(order, is_made=made)

    def look_at_refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        made = self._orders.ask(lambda: order.key in self._orders.refunds)
        return made if isinstance(made, NotSent | Unknown) else _refund(order, is_made=made)

    def refunds_of(self, intent: Intent, *, seconds: float) -> RefundsOutcome:
        made = self._orders.ask(lambda: [item for item in self._orders.refunds.items() if item[1][0] == intent.id])
        if isinstance(made, NotSent | Unknown):
            return made
        seen = [SeenRefund(f"refund-{key}", key, money, Refunded(f"refund-{key}")) for key, (_, money) in made]
        return RefundsSeen(seen)

    def payments_since(self, since: datetime, *, seconds: float) -> Iterator[SeenPayment] | None:
        return None  # it has no list

    def look_at_dispute(self, dispute_id: str, *, seconds: float) -> DisputeOutcome:
        return Mistake("there are no disputes here")

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        raise NotGenuine("this gateway sends none")

    def is_available(self) -> bool:
        return not self._orders.is_down


def _standing(intent: Intent, order: Order | NotSent | Unknown | None) -> ChargeOutcome:
    if order is None:
        return Mistake("no such order")
    if not isinstance(order, Order):
        return order
    if order.captured:
        return Charged(order.money, order.key, f"capture-of-{intent.id}")
    if not order.approved:
        return AwaitsPayer(_approval_of(intent.id))
    return AwaitsPayer() if order.is_covered else Declined("instrument_declined")


def _refund(order: RefundOrder, *, is_made: bool) -> RefundOutcome:
    return Refunded(f"refund-{order.key}") if is_made else RefundFailed("nothing was taken")


def _approval_of(id_: str) -> Action:
    return Action(ActionKind.REDIRECT, {"url": f"https://orders.example.org/approve/{id_}"})
