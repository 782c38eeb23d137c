"""
Everything this service says "no" with. The docstring of a class is the explanation a client reads.

Errors know no HTTP: `bookings.answers.rendering.STATUS` gives each its status.

BookingError                     not decided: the same request may end otherwise, nothing is stored under its key
├── Refusal                      decided: a repeat under the same idempotency key gets the same answer
└── OfficeError                  said to those who work here; the API has no request that ends so
"""

from collections.abc import Mapping


class BookingError(Exception):
    """The request could not be carried out."""

    code = "error"
    retryable = False

    def __init__(
        self,
        explanation: str = "",
        *,
        retry_after: int | None = None,
        fields: dict[str, str] | None = None,
        details: Mapping[str, int | str] | None = None,
        seats: Mapping[str, str] | None = None,
    ) -> None:
        self.explanation = explanation or (type(self).__doc__ or "").strip()
        self.retry_after = retry_after
        self.fields = fields or {}
        # What a program reads of it: numbers that the explanation has; seats by number, and how each of them stands.
        self.details, self.seats = details or {}, seats or {}
        super().__init__(self.explanation)


class Refusal(BookingError):
    """The request was decided, and the decision is no."""


class OfficeError(BookingError):
    """Support staff asked for something that cannot be done."""


class InvalidRequest(BookingError):
    """The request is not valid; see the message of each field."""

    code = "invalid_request"


class UserMismatch(BookingError):
    """The user in the request is not the user of this booking."""

    code = "user_mismatch"


class BookingNotFound(BookingError):
    """There is no such booking."""

    code = "booking_not_found"


class TooManyUnpaidBookings(BookingError):
    """This user has as many unpaid bookings as it may have at once. Pay or cancel one, then repeat the request."""

    code = "too_many_unpaid_bookings"
    retryable = True


class TooManyUnpaidSeats(BookingError):
    """This user would have too many unpaid seats on this flight. Pay or cancel one, then repeat the request."""

    code = "too_many_unpaid_seats"
    retryable = True


class PriceChanged(BookingError):
    """A seat does not cost what was expected; what it costs now is in `details`. Nothing is held."""

    code = "price_changed"


class FlightNotFound(Refusal):
    """There is no such flight."""

    code = "flight_not_found"


class SeatsUnavailable(Refusal):
    """Not enough seats available"""

    code = "seats_unavailable"


class SeatsTakenByOthers(Refusal):
    """Some of these seats cannot be had; nothing has changed."""

    code = "seats_taken"


class SeatSelectionUnavailable(BookingError):
    """The seats of this flight have no numbers. Ask for a number of seats."""

    code = "seat_selection_unavailable"


class FlightServiceUnavailable(BookingError):
    """The Flight Service gives no answer right now. Repeat the request, with its Idempotency-Key if it had one."""

    code = "flight_service_unavailable"
    retryable = True


class FlightUnusable(BookingError):
    """The Flight Service shows this flight in a way that cannot be sold. Others are; the operators were told."""

    code = "flight_unusable"


class TemporarilyUnavailable(BookingError):
    """The service is not available right now. Repeat the request, with its Idempotency-Key if it had one."""

    code = "temporarily_unavailable"
    retryable = True


class IdempotencyKeyRequired(BookingError):
    """The header Idempotency-Key (or x-idempotency-key) is required: 1 to 255 visible ASCII characters."""

    code = "idempotency_key_required"


class IdempotencyKeyReused(BookingError):
    """This idempotency key was used for another request. Take a new key for a new request."""

    code = "idempotency_key_reused"


class RequestInProgress(BookingError):
    """A request with this idempotency key is still running. Repeat it in a moment."""

    code = "request_in_progress"
    retryable = True


class SeatChangeInProgress(BookingError):
    """The seats of this booking are not confirmed yet, or are being changed. Look at the booking in a moment."""

    code = "seat_change_in_progress"
    retryable = True


class NotPayableYet(BookingError):
    """The seats of this booking are not confirmed yet. Repeat the payment in a moment."""

    code = "not_payable_yet"
    retryable = True


class PaymentInProgress(BookingError):
    """A payment for this booking is being settled. Look at the booking in a moment."""

    code = "payment_in_progress"
    retryable = True


class AlreadyPaid(Refusal):
    """This booking is paid. Support staff can cancel it and refund the payment."""

    code = "already_paid"


class BookingCancelled(Refusal):
    """This booking is cancelled."""

    code = "booking_cancelled"


class PaymentWindowClosed(Refusal):
    """The payment window of this booking has closed."""

    code = "payment_window_closed"


class CurrencyMismatch(Refusal):
    """The currency is not that of this booking."""

    code = "currency_mismatch"


class AmountMismatch(Refusal):
    """The amount is not the total cost of this booking."""

    code = "amount_mismatch"


class PaymentDeclined(Refusal):
    """The payment was declined. The booking keeps its seats until its payment window closes."""

    code = "payment_declined"


class PaymentNotCompleted(Refusal):
    """The payment ended without being made. Pay with a new key, within the payment window."""

    code = "payment_not_completed"


class PaymentTokenInvalid(Refusal):
    """The payment token cannot be used: it is spent, too old, or none. Get a new one, and pay with a new key."""

    code = "payment_token_invalid"


class AmountNotPayable(BookingError):
    """Such an amount cannot be charged."""

    code = "amount_not_payable"


class PaymentGatewayUnavailable(BookingError):
    """The payment gateway is not reached right now, and nothing was charged. Repeat the request with its key."""

    code = "payment_gateway_unavailable"
    retryable = True


class BookingChanged(BookingError):
    """This booking has changed since it was shown. Look at it as it is now, and decide again."""

    code = "booking_changed"


class SelectionChanged(OfficeError):
    """The bookings of this selection have changed since they were shown. Look at them again."""

    code = "selection_changed"


class CaseChanged(OfficeError):
    """This case has moved since it was shown. Look at it as it is now, and decide again."""

    code = "case_changed"


class NotYourCase(OfficeError):
    """A colleague has this case, or it is not open, and your rights do not cover it."""

    code = "not_your_case"


class BulkCancelNotFound(OfficeError):
    """There is no such bulk cancellation."""

    code = "bulk_cancel_not_found"


class OwnApproval(OfficeError):
    """Another person than the one who has asked for it must approve it."""

    code = "own_approval"


class ApproverWasReset(OfficeError):
    """Who has asked for it has opened your log-in within a day: a third person must approve it."""

    code = "approver_was_reset"


class StaffOnly(OfficeError):
    """Only support staff may decide this."""

    code = "staff_only"


class SeatCallNotFound(OfficeError):
    """There is no such call."""

    code = "seat_call_not_found"


class PaymentNotFound(OfficeError):
    """There is no such payment."""

    code = "payment_not_found"


class RefundNotFound(OfficeError):
    """There is no such refund."""

    code = "refund_not_found"


class NothingToRefund(OfficeError):
    """The money of this payment is not kept for a booking that goes on: there is nothing to refund here."""

    code = "nothing_to_refund"


class RefundTooLarge(OfficeError):
    """Less than this is left of the payment."""

    code = "refund_too_large"


class MoneyIsOwed(OfficeError):
    """The customer must have this money back: the booking does not keep it."""

    code = "money_is_owed"


class MessageNotFound(OfficeError):
    """There is no such message about this booking."""

    code = "message_not_found"


class NotSentOnceMore(OfficeError):
    """This message cannot be sent once more."""

    code = "not_sent_once_more"


class NothingToDecide(OfficeError):
    """This call to another system does not wait for a decision any more."""

    code = "nothing_to_decide"


class RetryTooLate(OfficeError):
    """This call was first sent more than six days ago: the Flight Service may have forgotten its key by now."""

    code = "retry_too_late"


class RetryCountsTwice(OfficeError):
    """The Flight Service knows no keys: a call that was sent once would count twice if it were sent again."""

    code = "retry_counts_twice"


class SeatsOfAnother(OfficeError):
    """Another booking has one of these seats. It was not applied, or the other booking must end first."""

    code = "seats_of_another"


class FlightServiceRests(OfficeError):
    """The Flight Service is not asked just now, as it has failed several times. Try again in a few seconds."""

    code = "flight_service_rests"
    retryable = True


class WebhooksOff(BookingError):
    """Webhooks are not set up in this installation: it has no key to seal their secrets with."""

    code = "webhooks_off"


class EndpointNotFound(BookingError):
    """There is no such webhook endpoint."""

    code = "endpoint_not_found"


class DeliveryNotFound(BookingError):
    """This webhook endpoint has no such delivery."""

    code = "delivery_not_found"


class EndpointExists(BookingError):
    """There is a webhook endpoint with this address. Rotate its secret if you do not have it."""

    code = "endpoint_exists"


class EndpointChanged(BookingError):
    """The webhook endpoint has changed since you have seen it. Nothing was done; read it again."""

    code = "endpoint_changed"


class TooManyEndpoints(BookingError):
    """There are as many webhook endpoints as one service may have. Delete one, then repeat the request."""

    code = "too_many_endpoints"


class RotationUnderWay(BookingError):
    """The secret before this one is still valid. Wait until it ends, or rotate with a grace of 0, which ends both."""

    code = "rotation_under_way"


class ReplayUnderWay(BookingError):
    """A replay is running for this webhook endpoint. Wait until it is done."""

    code = "replay_under_way"
