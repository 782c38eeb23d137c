"""
The plain words that the back office has for states, and the shapes that go with them.

A badge has text, shape and color, so that it can be read without colors and aloud.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings.actor import ActorKind
from bookings.lifecycle import (
    STAFF_CAUSES,
    STAFF_REASONS,
    BookingStatus,
    CancelReason,
    CancelWhy,
    Hold,
    News,
    RefundCause,
)
from bookings.models.access.api_key import ApiKeyEventKind
from bookings.models.access.staff_log_in import LogInEventKind, Proof
from bookings.models.bookings.booking_event import EventKind
from bookings.models.bookings.bulk_cancel import Approval, BulkCancelState, BulkCancelWhy
from bookings.models.messages import MessageState
from bookings.models.notices import GatewayNoticeKind, GatewayNoticeState
from bookings.models.payments import DECLINED, PaymentState, PaymentStep
from bookings.models.refunds import RefundDecision, RefundSource, RefundState
from bookings.models.seats.seat_call import SeatCallEventKind, SeatCallKind, SeatCallState
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.models.webhooks import DeliveryState, EndpointEventKind, EndpointState
from bookings.queries.bookings.timeline import FLIGHT_SERVICE, PAYMENT_GATEWAY


class Badge(NamedTuple):
    """A state as a person sees it: `tone` is one of calm, good, busy, warn, bad, and names a CSS class."""

    text: str | Promise
    tone: str


STATUS: Mapping[str, Badge] = MappingProxyType(
    {
        BookingStatus.PENDING: Badge(_("Pending"), "busy"),
        BookingStatus.INITIATED: Badge(_("Awaiting payment"), "warn"),
        BookingStatus.BOOKED: Badge(_("Booked"), "good"),
        BookingStatus.CANCELLED: Badge(_("Cancelled"), "calm"),
    }
)

HOLD: Mapping[str, Badge] = MappingProxyType(
    {
        Hold.ASKING: Badge(_("Outcome unknown: asking"), "warn"),
        Hold.HELD: Badge(_("Held at the Flight Service"), "good"),
        Hold.REFUSED: Badge(_("Refused: no seats were taken"), "calm"),
        Hold.DROPPED: Badge(_("Never sent: no seats were taken"), "calm"),
        Hold.STUCK: Badge(_("Stuck: needs a decision"), "bad"),
        Hold.GIVING_BACK: Badge(_("Being given back"), "busy"),
    }
)

EXCHANGE: Mapping[str, Badge] = MappingProxyType(
    {
        ExchangeState.ASKING: Badge(_("Outcome unknown"), "busy"),
        ExchangeState.STUCK: Badge(_("Stuck: needs a decision"), "bad"),
        ExchangeState.DONE: Badge(_("Done"), "good"),
        ExchangeState.REFUSED: Badge(_("Refused"), "calm"),
        ExchangeState.DROPPED: Badge(_("Never sent"), "calm"),
    }
)

NOTICE: Mapping[str, Badge] = MappingProxyType(
    {
        GatewayNoticeState.NEW: Badge(_("To be looked into"), "busy"),
        GatewayNoticeState.DONE: Badge(_("Looked into"), "good"),
        GatewayNoticeState.FOREIGN: Badge(_("About another system"), "calm"),
        GatewayNoticeState.DEAD: Badge(_("Not known here, or no answer"), "bad"),
    }
)

NOTICE_KIND: Mapping[str, str | Promise] = MappingProxyType(
    {
        GatewayNoticeKind.PAYMENT: _("a payment"),
        GatewayNoticeKind.REFUND: _("refunds of a payment"),
        GatewayNoticeKind.DISPUTE: _("a dispute"),
    }
)

ENDPOINT: Mapping[str, Badge] = MappingProxyType(
    {
        EndpointState.NEW: Badge(_("New: has not answered yet"), "busy"),
        EndpointState.ACTIVE: Badge(_("Active"), "good"),
        "failing": Badge(_("Failing"), "bad"),
        EndpointState.PAUSED: Badge(_("Paused"), "warn"),
        EndpointState.DISABLED: Badge(_("Disabled"), "bad"),
        EndpointState.RETIRED: Badge(_("Retired"), "calm"),
    }
)
"""By state; one that fails by that."""

MESSAGE: Mapping[str, Badge] = MappingProxyType(
    {
        MessageState.PENDING: Badge(_("Waiting"), "busy"),
        MessageState.SENT: Badge(_("Sent"), "good"),
        MessageState.REFUSED: Badge(_("Refused"), "bad"),
        MessageState.UNKNOWN: Badge(_("Sent without an answer: may have arrived"), "warn"),
        MessageState.LAPSED: Badge(_("Not sent: too late"), "calm"),
        MessageState.SKIPPED: Badge(_("Not sent"), "calm"),
    }
)

DELIVERY: Mapping[str, Badge] = MappingProxyType(
    {
        DeliveryState.PENDING: Badge(_("Waiting"), "busy"),
        "failing": Badge(_("Failed, is sent again"), "warn"),
        DeliveryState.DELIVERED: Badge(_("Delivered"), "good"),
        DeliveryState.DEAD: Badge(_("Dead: is not sent any more"), "bad"),
    }
)
"""By state; one that was sent in vain by that."""

NEWS: Mapping[str, str | Promise] = MappingProxyType(
    {
        News.HELD: _("Seats held"),
        News.EXPIRING: _("Payment window closes soon"),
        News.PAID: _("Paid"),
        News.PAYMENT_FAILED: _("Payment failed"),
        News.EXPIRED: _("Not paid in time"),
        News.CANCELLED: _("Cancelled"),
        News.REFUNDED: _("Money refunded"),
    }
)
"""What others are told of a booking."""

ENDPOINT_EVENT: Mapping[str, str | Promise] = MappingProxyType(
    {
        EndpointEventKind.MADE: _("Made"),
        EndpointEventKind.CHANGED: _("Address or types changed"),
        EndpointEventKind.ROTATED: _("Got a new secret"),
        EndpointEventKind.PAUSED: _("Paused"),
        EndpointEventKind.ENABLED: _("Enabled"),
        EndpointEventKind.DISABLED: _("Disabled"),
        EndpointEventKind.PINGED: _("Ping asked for"),
        EndpointEventKind.REDELIVERED: _("A delivery sent once more"),
        EndpointEventKind.REPLAYED: _("Replay asked for"),
        EndpointEventKind.RETIRED: _("Retired"),
    }
)

# By where it stands, see `bookings.office.gateway_records`.
DISPUTE: Mapping[str, Badge] = MappingProxyType(
    {
        "answer": Badge(_("To be answered"), "bad"),
        "bank": Badge(_("The bank decides"), "busy"),
        "over": Badge(_("Over"), "calm"),
    }
)

# How our payments and those of a gateway differ.
DIFFERENCE: Mapping[str, str | Promise] = MappingProxyType(
    {
        "unknown": _("Charged there, and not known here"),
        "charged_there": _("Charged there, and not here"),
        "charged_here": _("Charged here, and not there"),
        "money": _("Another sum there"),
        "refunds": _("Other refunds there"),
    }
)

SEAT_CALL: Mapping[str, Badge] = MappingProxyType(
    {
        SeatCallState.OPEN: Badge(_("Sent, no answer yet"), "busy"),
        SeatCallState.DONE: Badge(_("Seats are back"), "good"),
        SeatCallState.DEAD: Badge(_("Dead: needs a decision"), "bad"),
        SeatCallKind.VOID: Badge(_("Not applied"), "calm"),
        "taken": Badge(_("Seats are taken"), "good"),
    }
)
"""By state; a call of kind `void` by its kind, a correction that has taken its seats by that."""

SEAT_CALL_KIND: Mapping[str, str | Promise] = MappingProxyType(
    {
        SeatCallKind.RELEASE: _("gives back"),
        SeatCallKind.CORRECTION: _("correction: gives back"),
        "take": _("correction: takes"),
        SeatCallKind.VOID: _("was not applied"),
    }
)
"""By kind; what takes seats by that."""

PAYMENT: Mapping[str, Badge] = MappingProxyType(
    {
        PaymentState.PROCESSING: Badge(_("Being settled"), "busy"),
        PaymentState.SUCCEEDED: Badge(_("Paid"), "good"),
        PaymentState.FAILED: Badge(_("Not paid"), "calm"),
        PaymentState.REFUND_DUE: Badge(_("Refund due"), "warn"),
        PaymentState.REFUNDED: Badge(_("Refunded"), "calm"),
        PaymentState.DEAD: Badge(_("Charge unknown: needs a decision"), "bad"),
        PaymentStep.PAYER: Badge(_("Waits for the payer"), "busy"),
        PaymentStep.BANK: Badge(_("The bank decides"), "busy"),
        PaymentStep.CLOSING: Badge(_("Being closed"), "warn"),
        DECLINED: Badge(_("Declined"), "calm"),
    }
)
"""By state; without an outcome by whom it waits for, and what was declined by that."""

REFUND: Mapping[str, Badge] = MappingProxyType(
    {
        RefundState.DUE: Badge(_("Due"), "warn"),
        RefundState.SENT: Badge(_("Under way at the gateway"), "busy"),
        RefundState.DONE: Badge(_("Refunded"), "good"),
        RefundState.ELSEWHERE: Badge(_("Refunded on another way"), "good"),
        RefundState.DEAD: Badge(_("Outcome unknown: needs a decision"), "bad"),
        RefundState.FAILED: Badge(_("Failed: needs a decision"), "bad"),
        RefundDecision.AGAIN: Badge(_("Failed: asked for again"), "calm"),
        RefundDecision.REPLACED: Badge(_("Failed: part of a later refund"), "calm"),
        RefundDecision.LEFT: Badge(_("Failed: not refunded"), "calm"),
    }
)
"""By state; one that failed and was decided about by the decision."""

CAUSE: Mapping[str, str | Promise] = MappingProxyType(
    {
        RefundCause.SCHEDULE_CHANGE: _("schedule change"),
        RefundCause.GOODWILL: _("goodwill"),
        RefundCause.DUPLICATE: _("duplicate booking"),
        RefundCause.FARE_DIFFERENCE: _("fare difference"),
        RefundCause.CUSTOMER_REQUEST: _("customer request"),
        RefundCause.OTHER: _("other"),
        RefundCause.BOOKING_ENDED: _("booking ended"),
        RefundCause.PAID_TOO_LATE: _("paid too late"),
    }
)

STAFF_CAUSE_CHOICES = [("", _("Choose a cause")), *((cause.value, CAUSE[cause]) for cause in STAFF_CAUSES)]
"""Of the form that refunds; none is chosen at first."""

SOURCE: Mapping[str, str | Promise] = MappingProxyType(
    {RefundSource.OURS: _("this service"), RefundSource.GATEWAY: _("the gateway's own pages")}
)

BULK: Mapping[str, Badge] = MappingProxyType(
    {
        BulkCancelState.WAITING: Badge(_("Waiting"), "busy"),
        BulkCancelState.CANCELLED: Badge(_("Cancelled"), "good"),
        BulkCancelState.REQUESTED: Badge(_("Waits for its payment"), "warn"),
        BulkCancelState.SKIPPED: Badge(_("Skipped"), "calm"),
        BulkCancelState.FAILED: Badge(_("Failed"), "bad"),
    }
)

APPROVAL: Mapping[str, Badge] = MappingProxyType(
    {
        Approval.WAITING: Badge(_("Needs approval"), "warn"),
        Approval.APPROVED: Badge(_("Approved"), "good"),
        Approval.REFUSED: Badge(_("Refused"), "calm"),
    }
)

BULK_PLAN: Mapping[str, Badge] = MappingProxyType(
    {
        BulkCancelState.CANCELLED: Badge(_("Will be cancelled"), "warn"),
        BulkCancelState.REQUESTED: Badge(_("Will be cancelled later"), "warn"),
        BulkCancelState.SKIPPED: Badge(_("Skipped"), "calm"),
    }
)
"""The same states before anything is done."""

BULK_WHY: Mapping[str, str | Promise] = MappingProxyType(
    {
        CancelWhy.ALREADY_CANCELLED: _("it was cancelled before"),
        CancelWhy.PAYMENT_RUNNING: _("a payment is running: it will be cancelled, and refunded, when the payment ends"),
        BulkCancelWhy.PAYMENT_ENDED: _("when its payment had ended"),
        CancelWhy.ASKED_BEFORE: _("a payment is running, and its cancellation was asked for before"),
        CancelWhy.NEVER_SENT: _("no seats were taken yet"),
        CancelWhy.OUTCOME_UNKNOWN: _("not known yet whether seats were taken; if so, they go back"),
        CancelWhy.RESERVATION_STUCK: _("whether seats were taken waits for a decision of staff"),
        BulkCancelWhy.LEFT_OUT: _("left out by hand"),
        BulkCancelWhy.NOT_APPROVED: _("the bulk cancellation was refused, or taken back"),
        BulkCancelWhy.OUR_FAULT: _("it failed for an hour: look at the booking and the log"),
    }
)

REASON: Mapping[str, str | Promise] = MappingProxyType(
    {
        CancelReason.NO_SEATS: _("not enough seats"),
        CancelReason.SEATS_TAKEN: _("seats taken"),
        CancelReason.NO_FLIGHT: _("no such flight"),
        CancelReason.UNAVAILABLE: _("Flight Service unavailable"),
        CancelReason.ABANDONED: _("client could not wait"),
        CancelReason.EXPIRED: _("not paid in time"),
        CancelReason.CUSTOMER_REQUEST: _("customer request"),
        CancelReason.DUPLICATE: _("duplicate booking"),
        CancelReason.PAYMENT_PROBLEM: _("payment problem"),
        CancelReason.FLIGHT_CANCELLED: _("flight cancelled"),
        CancelReason.FRAUD: _("fraud"),
        CancelReason.OTHER: _("other"),
    }
)

STAFF_REASON_CHOICES = [("", _("Choose a reason")), *((str(word), REASON[word]) for word in STAFF_REASONS)]
"""Of the forms that cancel; none is chosen at first."""

EVENT: Mapping[str, str | Promise] = MappingProxyType(
    {
        # What is not an event of the booking, but belongs in its timeline.
        "asked": _("Seats asked for, no clear answer at once"),
        "refund_owed": _("Refund due"),
        "give_back_sent": _("Seats sent back"),
        "give_back_done": _("Seats are back"),
        "payment_started": _("Payment started"),
        "payment_charged": _("Money charged"),
        ApiKeyEventKind.ISSUED: _("Made"),
        ApiKeyEventKind.ROTATED: _("Got a new secret"),
        ApiKeyEventKind.REVOKED: _("Revoked"),
        SeatCallEventKind.CORRECTED: _("Correction asked for"),
        SeatCallEventKind.RETRIED: _("Sent again"),
        SeatCallEventKind.APPLIED: _("Decided: it was applied"),
        SeatCallEventKind.NOT_APPLIED: _("Decided: it was not applied"),
        EventKind.CREATED: _("Booking made"),
        EventKind.HELD: _("Seats confirmed"),
        EventKind.BOOKED: _("Paid and booked"),
        EventKind.CANCELLED: _("Cancelled"),
        EventKind.CANCEL_REQUESTED: _("Cancellation asked for"),
        EventKind.PAYMENT_FAILED: _("Payment failed"),
        EventKind.REFUND_ASKED: _("Refund asked for"),
        EventKind.REFUNDED: _("Money refunded"),
        EventKind.REFUND_FAILED: _("Refund failed"),
        EventKind.DISPUTED: _("Disputed by the payer"),
        EventKind.DISPUTE_CLOSED: _("Dispute is over"),
        EventKind.NOTED: _("Note"),
        EventKind.RESERVATION_RETRIED: _("Flight Service asked again"),
        EventKind.RESERVATION_RESOLVED: _("Outcome of the seats decided"),
        EventKind.EXTENDED: _("Payment window extended"),
        EventKind.SEATS_CHANGED: _("Other seats"),
        EventKind.EXCHANGE_RETRIED: _("Other seats asked for again"),
        EventKind.EXCHANGE_RESOLVED: _("Outcome of the exchange decided"),
        EventKind.PAYMENT_RETRIED: _("Charge asked for again"),
        EventKind.PAYMENT_RESOLVED: _("Outcome of the charge decided"),
        EventKind.REFUND_RETRIED: _("Refund asked for again"),
        EventKind.REFUND_RESOLVED: _("Outcome of the refund decided"),
        EventKind.REFUND_ELSEWHERE: _("Refunded on another way"),
        EventKind.CASE_TAKEN: _("Case taken"),
        EventKind.CASE_HANDED_OVER: _("Case handed over"),
        EventKind.CASE_GIVEN_BACK: _("Case given back"),
        EventKind.CASE_DATED: _("Follow-up date of the case"),
        EventKind.CASE_CLOSED: _("Case closed"),
        EventKind.CONTACT_ERASED: _("Contact of the traveler erased"),
        EventKind.MESSAGE_REPEATED: _("Message to the traveler sent once more"),
    }
)

WHO: Mapping[str, str | Promise] = MappingProxyType(
    {
        ActorKind.CUSTOMER: _("customer"),
        ActorKind.STAFF: _("staff"),
        ActorKind.SERVICE: _("service"),
        ActorKind.SYSTEM: _("system"),
        FLIGHT_SERVICE: _("Flight Service"),
        PAYMENT_GATEWAY: _("payment gateway"),
    }
)

LOG_IN: Mapping[str, Badge] = MappingProxyType(
    {
        LogInEventKind.LOGGED_IN: Badge(_("Logged in"), "good"),
        LogInEventKind.FAILED: Badge(_("Failed"), "bad"),
        LogInEventKind.FACTOR_ADDED: Badge(_("Second factor set up"), "calm"),
        LogInEventKind.FACTOR_REMOVED: Badge(_("Second factor removed"), "warn"),
        LogInEventKind.CODES_MADE: Badge(_("New recovery codes"), "calm"),
        LogInEventKind.LINK_MADE: Badge(_("Link for a new password made"), "warn"),
        LogInEventKind.PASSWORD_SET: Badge(_("New password set"), "calm"),
    }
)

PROOF: Mapping[str, str | Promise] = MappingProxyType(
    {
        Proof.PASSWORD: _("password"),
        Proof.TOTP: _("code of an app"),
        Proof.PASSKEY: _("passkey"),
        Proof.RECOVERY_CODE: _("recovery code"),
        Proof.LINK: _("link"),
        Proof.SINGLE_SIGN_ON: _("single sign-on"),
    }
)
