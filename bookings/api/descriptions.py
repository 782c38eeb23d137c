"""What the OpenAPI document tells people of each endpoint: words, examples, and every refusal."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from bookings import errors
from bookings.answers.announcements import LEFT_OUT, VERSION
from bookings.api.addresses import LINKS
from bookings.api.operation import Answer, Operation, if_match
from bookings.api.serializers import (
    CancelBookingRequest,
    ChangeBookingContactRequest,
    CreateBookingRequest,
    ListBookingsQuery,
    ListEventsQuery,
    PayBookingRequest,
)
from bookings.conf import HIGHEST_ID

BOOKING = {
    "id": 1,
    "reference": "K7QX4M2R",
    "flightId": 1,
    "flight": {
        "number": "UK 808",
        "departure": "2030-01-01T09:00:00.000Z",
        "arrival": "2030-01-01T12:00:00.000Z",
        "departureAirport": "DEL",
        "arrivalAirport": "BLR",
    },
    "userId": 1001,
    "status": "initiated",
    "noOfSeats": 2,
    "seatNumbers": [],
    "seatChange": None,
    "seatPrice": 2000,
    "totalCost": 4000,
    "currency": "INR",
    "cancelReason": None,
    "payment": None,
    "refund": None,
    "clientReference": "trip 4711",
    "metadata": {"order": "A-17"},
    "replaces": None,
    "createdAt": "2026-11-22T10:00:00.000Z",
    "updatedAt": "2026-11-22T10:00:00.031Z",
    "expiresAt": "2026-11-22T10:15:00.000Z",
    "paidAt": None,
    "cancelledAt": None,
    "availableActions": ["pay", "cancel"],
}
PRICE: Mapping[str, int | str] = {"seatPrice": 2500, "totalCost": 5000, "currency": "INR"}
PENDING = {**BOOKING, "status": "pending", "availableActions": ["cancel"]}
PAID_AT = "2026-11-22T10:02:11.250Z"
PAYING = {
    **BOOKING,
    "payment": {
        "id": 1,
        "state": "awaiting_payer",
        "amount": 4000,
        "currency": "XXX",
        "at": PAID_AT,
        "payableUntil": "2026-11-22T10:15:00.000Z",
        "action": {
            "type": "confirm",
            "gateway": "stripe",
            "publishableKey": "pk_test_1",
            "clientSecret": "pi_1_secret_2",
            "url": None,
        },
    },
    "updatedAt": PAID_AT,
}
PAID = {
    **PAYING,
    "status": "booked",
    "payment": {"id": 1, "state": "succeeded", "amount": 4000, "currency": "INR", "at": PAID_AT},
    "paidAt": PAID_AT,
    "availableActions": [],
}
ENDED_AT = "2026-11-22T10:04:30.500Z"
ENDED = {
    **BOOKING,
    "status": "cancelled",
    "cancelReason": "customer_request",
    "updatedAt": ENDED_AT,
    "cancelledAt": ENDED_AT,
    "availableActions": ["book_again"],
}
MONEY: Mapping[str, Any] = {
    "payments": [
        {
            "id": 7,
            "state": "succeeded",
            "amount": 4000,
            "currency": "INR",
            "gateway": "instant",
            "at": PAID_AT,
            "declineCode": None,
        }
    ],
    "refunds": [
        {
            "id": 3,
            "paymentId": 7,
            "state": "succeeded",
            "amount": 500,
            "currency": "INR",
            "cause": "goodwill",
            "at": "2026-11-23T08:30:00.000Z",
        }
    ],
}
EVENT = {
    "what": "created",
    "who": {"kind": "customer", "name": "1001"},
    "from": None,
    "to": "pending",
    "why": None,
    "note": None,
    "when": "2026-11-22T10:00:00.000Z",
    "requestId": "4f5f0f0e0c7a4b7d9d5c0f9f6f4a3b2c",
}
TOLD: Mapping[str, Any] = {
    "id": "evt_0b9e4b1c6f0a4f5f9f3d2c1b0a998877",
    "type": "booking.paid",
    "version": VERSION,
    "timestamp": PAID_AT,
    "sequence": 2,
    "data": {
        "booking": {name: value for name, value in PAID.items() if name not in LEFT_OUT},
        "change": {"from": "initiated", "to": "booked", "why": None, "by": "customer"},
    },
}


def _header(name: str, description: str, schema: Any = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


KEY_TEXT = (
    "1 to 255 visible ASCII characters without a comma, sent once, kept for 72 hours. The same key with the same "
    "request gets the same answer; with another request, 422."
)
KEY = {"type": "string", "pattern": r"^[!-+\x2d-~]+$", "minLength": 1, "maxLength": 255}
OPTIONAL_KEY = _header("Idempotency-Key", f"Makes a repetition safe. {KEY_TEXT}", KEY)
# The older x-idempotency-key will do as well, which OpenAPI has no word for: so a client learns the one that is
# the same everywhere.
PAYMENT_KEY = OpenApiParameter(
    "Idempotency-Key",
    KEY,
    OpenApiParameter.HEADER,
    required=True,
    description=f"One for each payment that the user means to make. {KEY_TEXT}",
)
IF_MATCH = if_match(
    "An `ETag` of the booking that you have seen: if it has changed since, nothing is done, and the answer is 412 "
    "`booking_changed`. A repetition under a key that was decided gets the stored answer all the same.",
)
PREFER = _header("Prefer", "`respond-async`: rather a 202 and a pending booking than a 503.")
BOOKING_ID = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": HIGHEST_ID},
    OpenApiParameter.PATH,
    description="The booking's id.",
)
USER_ID = OpenApiParameter("id", BOOKING_ID.type, OpenApiParameter.PATH, description="The user's id.")
BOOKING_NAME = OpenApiParameter(
    "id",
    {"anyOf": [BOOKING_ID.type, {"type": "string", "minLength": 8, "maxLength": 64}]},
    OpenApiParameter.PATH,
    description="The booking's id, or its reference, with or without dashes, in small letters or capitals.",
)


def _caps() -> str:
    """What one user may have unpaid at once, in words; empty if there is no cap."""
    caps = (
        (settings.MAX_UNPAID_BOOKINGS_PER_USER, "unpaid bookings", errors.TooManyUnpaidBookings),
        (settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT, "unpaid seats on one flight", errors.TooManyUnpaidSeats),
    )
    said = [f"at most {most} {what} at once (429 `{problem.code}`)" for most, what, problem in caps if most]
    return f" A user has {' and '.join(said)}, also where a service books for it." if said else ""


REPLAYED, PLACED = "Idempotent-Replayed", ("Location", "ETag")
_KEYED = (errors.IdempotencyKeyReused, errors.RequestInProgress)

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "create": Operation(
            "createBooking",
            "Hold seats",
            "Holds seats at the Flight Service, at the price the flight has now, or had a moment ago, until the "
            "payment window closes. With `expectedPrice`, only if a seat costs that. With `seatNumbers`, these seats "
            f"or none.{_caps()}",
            {
                201: Answer("Booking created successfully", "Booking", BOOKING, (*PLACED, REPLAYED)),
                202: Answer("Booking accepted", "Booking", PENDING, (*PLACED, "Preference-Applied", REPLAYED)),
            },
            parameters=(OPTIONAL_KEY, PREFER),
            request=CreateBookingRequest,
            example={
                "flightId": 1,
                "userId": 1001,
                "noOfSeats": 2,
                "clientReference": "trip 4711",
                "metadata": {"order": "A-17"},
            },
            refusals=(
                errors.SeatsUnavailable,
                errors.SeatsTakenByOthers,
                errors.SeatSelectionUnavailable,
                errors.PriceChanged,
                errors.AmountNotPayable,
                errors.BookingNotFound,
                errors.FlightNotFound,
                errors.BookingCancelled,
                errors.UserMismatch,
                errors.TooManyUnpaidBookings,
                errors.TooManyUnpaidSeats,
                *_KEYED,
                errors.FlightServiceUnavailable,
                errors.FlightUnusable,
            ),
        ),
        "list": Operation(
            "listBookings",
            "List bookings",
            "Newest first, or oldest change first with `updatedAfter`. `next` and `previous` are addresses, or null at "
            "the ends; they go on with the filters of the list.",
            {
                200: Answer(
                    "Successfully completed the request",
                    "BookingPage",
                    {"results": [BOOKING], "next": None, "previous": None},
                )
            },
            parameters=(ListBookingsQuery,),
        ),
        "retrieve": Operation(
            "getBooking",
            "Read a booking",
            "Shows one booking as it is now.",
            {200: Answer("Successfully completed the request", "Booking", BOOKING, ("ETag",))},
            parameters=(BOOKING_NAME, IF_MATCH),
            refusals=(errors.BookingNotFound, errors.BookingChanged),
        ),
        "events": Operation(
            "listBookingEvents",
            "Read a booking's timeline",
            "Who did what, when and why, oldest first.",
            {200: Answer("Successfully completed the request", "Timeline", {"results": [EVENT]})},
            parameters=(BOOKING_NAME,),
            refusals=(errors.BookingNotFound,),
        ),
        "money": Operation(
            "listBookingPayments",
            "Read a booking's payments and refunds",
            "Each try to pay, and what goes back of the money, oldest first.",
            {200: Answer("Successfully completed the request", "BookingMoney", MONEY)},
            parameters=(BOOKING_NAME,),
            refusals=(errors.BookingNotFound,),
        ),
        "feed": Operation(
            "listEvents",
            "Read what has happened",
            "What happens to bookings, oldest first, without gaps: each event once, those of one booking in the order "
            "of their `sequence`. Follow `next`: at once while `hasMore` is true, and a few seconds later otherwise. "
            "Where only some types are asked for, a page may be short, or empty. Events are kept for 30 days. For "
            "services, not for customers.",
            {
                200: Answer(
                    "Successfully completed the request",
                    "EventPage",
                    {
                        "results": [TOLD],
                        "next": f"https://bookings.example.org/api/v1/events?after={TOLD['id']}",
                        "hasMore": False,
                    },
                )
            },
            parameters=(ListEventsQuery,),
        ),
        "pay": Operation(
            "payBooking",
            "Pay a booking",
            "Takes the money within the payment window, once for each booking. 202: the payer has something to do, or "
            "the gateway is not done; the same request again, or the booking, tells how it ended. Another payment of "
            "this booking that waits is closed first. A key is required: the older header `x-idempotency-key` will do "
            "as well.",
            {
                201: Answer("Payment made successfully", "Booking", PAID, ("ETag", REPLAYED)),
                202: Answer("Payment awaits the payer", "PayingBooking", PAYING, (*PLACED, "Retry-After")),
            },
            parameters=(PAYMENT_KEY, IF_MATCH),
            request=PayBookingRequest,
            example={"bookingId": 1, "userId": 1001, "totalCost": 4000},
            refusals=(
                errors.IdempotencyKeyRequired,
                errors.UserMismatch,
                errors.BookingChanged,
                errors.CurrencyMismatch,
                errors.AmountMismatch,
                errors.PaymentWindowClosed,
                errors.AmountNotPayable,
                errors.PaymentTokenInvalid,
                errors.PaymentDeclined,
                errors.PaymentNotCompleted,
                errors.BookingNotFound,
                errors.NotPayableYet,
                errors.AlreadyPaid,
                errors.BookingCancelled,
                errors.PaymentInProgress,
                *_KEYED,
                errors.PaymentGatewayUnavailable,
            ),
        ),
        "cancel": Operation(
            "cancelBooking",
            "Cancel a booking",
            "Ends a booking that is not paid; its seats go back. A payment that waits for its payer is closed first. "
            "Again: the same answer.",
            {200: Answer("Booking cancelled successfully", "Booking", ENDED, ("ETag", REPLAYED))},
            parameters=(BOOKING_ID, OPTIONAL_KEY, IF_MATCH),
            request=CancelBookingRequest,
            example={"userId": 1001, "reason": "plans changed"},
            refusals=(
                errors.UserMismatch,
                errors.BookingNotFound,
                errors.BookingChanged,
                errors.AlreadyPaid,
                errors.PaymentInProgress,
                *_KEYED,
            ),
        ),
        "contact_change": Operation(
            "changeBookingContact",
            "Say where a traveler is reached",
            "Writes down where the traveler of a booking is told what happens to it, in the place of what was "
            "there. What waits to be sent goes there. No answer ever shows it.",
            {200: Answer("Contact changed", "Nothing", {})},
            parameters=(BOOKING_ID,),
            request=ChangeBookingContactRequest,
            example={"userId": 1001, "contact": {"email": "ada@example.org", "locale": "de-AT"}},
            refusals=(errors.UserMismatch, errors.BookingNotFound),
        ),
        "contact_erase": Operation(
            "eraseBookingContact",
            "Forget where a traveler is reached",
            "Deletes the contact of a booking. Nothing that waits is sent; what is on its way at this moment "
            "may still arrive. Again: the same answer.",
            {200: Answer("Contact erased", "Nothing", {})},
            parameters=(BOOKING_ID,),
            refusals=(errors.BookingNotFound,),
        ),
        "contacts_erase": Operation(
            "eraseUserContacts",
            "Forget where a user's travelers are reached",
            "Deletes the contacts of all bookings of a user, for a service that deletes users. Nothing that waits is "
            "sent; a mail that is on its way at this moment may still arrive. The bookings stay. A customer may do so "
            "for itself alone. Again, and for a user without bookings: the same answer.",
            {200: Answer("Contacts erased", "Nothing", {})},
            parameters=(USER_ID,),
            refusals=(errors.UserMismatch,),
        ),
        "links": Operation(
            "listLinks",
            "Where to go",
            "Names the addresses that a client begins with.",
            {200: Answer("Go on from here", "ApiLinks", LINKS)},
        ),
        "info": Operation(
            "getServiceInfo",
            "Name and version",
            "Says what answers here.",
            {
                200: Answer(
                    "API is live",
                    "ServiceInfo",
                    {"name": "Flight Booking Service", "version": settings.VERSION, "apiVersion": "v1"},
                )
            },
        ),
    }
)
