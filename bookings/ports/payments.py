"""
What this service asks of a payment gateway, and how it may answer.

A payment at a gateway is *opened* first, which takes no money, then *charged*, by us or by the payer. What is not known
of it is found out by a *look*, and never guessed. Once it is *closed* it cannot be paid any more.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from bookings.ports.outcomes import Mistake, NotSent, Unknown
from bookings.text.money import Money

TOKEN_INVALID = "payment_token_invalid"  # a code, no secret  # noqa: S105  # nosec B105
"""The code of a `Mistake` that says: what the client gave cannot be used, as it is spent, or too old, or no token."""


@dataclass(frozen=True, slots=True)
class Intent:
    """
    One payment at a gateway: `key` is ours, `id` the gateway's, empty while it is not known.

    `reference` is the booking's, for people. `by_payer`: the payer's client confirms it, with what `open` gave.
    """

    key: UUID
    id: str
    money: Money
    reference: str
    by_payer: bool


class ActionKind(enum.StrEnum):
    """What a payer has to do: confirm the payment with a secret, prove to a bank who they are, or go to an address."""

    CONFIRM = "confirm"
    AUTHENTICATE = "authenticate"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Action:
    """
    What the payer has to do, and with what: `publishableKey`, `clientSecret` and `url`, as the API names them.

    The values are for the payer alone: they are in no log and in no row.
    """

    kind: ActionKind
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """The gateway knows the payment, and has taken nothing. `action` is for the payer to go on; None: we charge it."""

    id: str
    action: Action | None = None


OpenOutcome = Opened | NotSent | Unknown | Mistake


@dataclass(frozen=True, slots=True)
class Charged:
    """The money came in: how much, and the key that the payment carries at the gateway. Both are compared with ours."""

    money: Money
    key: UUID | None
    charge_id: str = ""


@dataclass(frozen=True, slots=True)
class Declined:
    """This try took no money. Another one may, until the payment is closed."""

    code: str


@dataclass(frozen=True, slots=True)
class AwaitsPayer:
    """
    The payer has to do something first; nothing was taken.

    None: there is nothing for the payer to do, or it is done. Only a charge by us moves this payment.
    """

    action: Action | None = None


@dataclass(frozen=True, slots=True)
class AwaitsBank:
    """The payer's bank has not decided yet."""


@dataclass(frozen=True, slots=True)
class Closed:
    """It was not paid, and cannot be any more."""


ChargeOutcome = Charged | Declined | AwaitsPayer | AwaitsBank | Closed | NotSent | Unknown | Mistake


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Money to give back: `key` is ours, `id` the gateway's, empty while it is not known."""

    key: UUID
    id: str
    intent: Intent
    charge_id: str
    money: Money
    cause: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """The money went back."""

    id: str = ""


@dataclass(frozen=True, slots=True)
class RefundAwaits:
    """The gateway has the refund, and has not made it yet."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """No money went back, and none will under this key."""

    why: str
    id: str = ""


RefundOutcome = Refunded | RefundAwaits | RefundFailed | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class SeenRefund:
    """A refund as the gateway lists it. `key` is ours; None: it was made on the gateway's own pages."""

    id: str
    key: UUID | None
    money: Money
    outcome: Refunded | RefundAwaits | RefundFailed


@dataclass(frozen=True, slots=True)
class RefundsSeen:
    """All refunds of one payment."""

    refunds: Sequence[SeenRefund]


RefundsOutcome = RefundsSeen | NotSent | Unknown | Mistake


@dataclass(frozen=True, slots=True)
class SeenPayment:
    """
    A payment as the gateway lists it. `money` came in, if it is `charged`; else it is what was asked for.

    `key` is ours; None: it was not made by this installation, as other systems may use the same account.
    """

    id: str
    key: UUID | None
    money: Money
    charged: bool
    refunds: Sequence[SeenRefund] = ()


class ListUnavailable(Exception):
    """The gateway does not give its list, or not all of it; the message quotes nothing of it."""


class NoticeKind(enum.StrEnum):
    """What a notice of a gateway is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Notice:
    """
    A gateway says that something has changed. What it is now is looked at; what the notice says of it is not read.

    `object_id` names the payment or the dispute; for a refund the payment that it belongs to.
    """

    event_id: str
    kind: NoticeKind
    object_id: str
    payment_key: UUID | None
    made_at: datetime


class NotGenuine(Exception):
    """This notice does not come from the gateway, or is too old; the message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Disputed:
    """
    A payer wants money back through their bank.

    `payment_id` is the gateway's id of the payment, or of its charge. `refundable`: a refund ends it. `outcome` is
    empty while it is open.
    """

    id: str
    payment_id: str
    money: Money
    reason: str
    status: str
    refundable: bool
    answer_by: datetime | None
    opened_at: datetime
    is_open: bool
    outcome: str = ""


DisputeOutcome = Disputed | NotSent | Unknown | Mistake


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway sends its notices: to which address, if at all, and whether all that this service wants."""

    url: str
    enabled: bool
    has_all: bool


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """
    What the key of an account may do there.

    `missing` are the rights that this service needs and the key lacks, in the gateway's words; `endpoints` is None
    where they may not be read.
    """

    missing: Sequence[str]
    endpoints: Sequence[Endpoint] | None


AccountOutcome = AccountSeen | NotSent | Unknown | Mistake


@runtime_checkable
class HasAccount(Protocol):
    """A payment gateway with an account: it has pages for people, and its key may lack rights."""

    def page_of(self, payment_id: str) -> str:
        """Give the address at which the gateway shows a payment to staff; empty if there is none."""

    def look_at_account(self, *, seconds: float) -> AccountOutcome:
        """Find out what the key may do there. Changes nothing; each of its few calls ends within `seconds`."""


class PaymentGateway(Protocol):
    """
    What takes the money.

    No method raises anything but what it names: what went wrong is in the outcome. None repeats a call by itself, and
    each ends within `seconds`, with *unknown* if there is no answer by then.

    `name` is how rows and addresses call the gateway. `settles_here` says that its truth is this service's own
    database: it answers at once, sends nothing, and may be asked inside a transaction.
    """

    @property
    def name(self) -> str: ...

    @property
    def settles_here(self) -> bool: ...

    def refuses(self, money: Money) -> str:
        """Tell why such an amount cannot be charged: too small, too large, no such currency. Empty: it can be."""

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        """Make the payment known, under its key. Takes no money, ever; the same key opens the same payment."""

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        """Take the money, or say what is missing. `payer_token` is what the payer's client has brought, if anything."""

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        """Say how the payment stands. Changes nothing."""

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        """See to it that it cannot be paid any more: *closed*, or *charged* if that came first."""

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        """Give money back, once for each key. A repetition looks first."""

    def look_at_refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        """Say how a refund stands. Changes nothing."""

    def refunds_of(self, intent: Intent, *, seconds: float) -> RefundsOutcome:
        """List all refunds of a payment, those of the gateway's own pages as well. Changes nothing."""

    def payments_since(self, since: datetime, *, seconds: float) -> Iterator[SeenPayment] | None:
        """
        List all payments that were made since then, each page within `seconds`. None: there is nothing to compare with.

        :raises ListUnavailable: on the way, if a page does not come
        """

    def look_at_dispute(self, dispute_id: str, *, seconds: float) -> DisputeOutcome:
        """Say how a dispute stands. Changes nothing."""

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """
        Read what the gateway has sent, once it is proven to be its own.

        :raises NotGenuine: if it is not
        """

    def is_available(self) -> bool:
        """Tell whether calls are sent now. Sends nothing. Ask this before a claim is written."""
