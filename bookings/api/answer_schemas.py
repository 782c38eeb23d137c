"""What the API answers, as JSON Schema for the OpenAPI document. Nothing here makes an answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from bookings.actor import ActorKind
from bookings.answers.announcements import LEFT_OUT
from bookings.api.addresses import LINKS
from bookings.conf import HIGHEST_ID, HIGHEST_NUMBER
from bookings.lifecycle import BookingStatus, CancelReason, News, RefundCause
from bookings.ports import ActionKind, SeatRefusal, SeatStatus
from bookings.text import seat_numbers
from bookings.text.seat_numbers import MOST_SEAT_NUMBERS

Schema = dict[str, Any]

HIGHEST_INT32 = 2**31 - 1
# What MAX_SEATS_PER_BOOKING may be at most: a booking outlives the setting that it was made under.
MOST_SEATS = 1000
GROWS = "Values may be added: treat one that you do not know as you would another one."


def ref(name: str) -> Schema:
    """Name a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(properties: Mapping[str, Schema], *, optional: Iterable[str] = (), about: str = "") -> Schema:
    """Describe an object; answers may get more properties in time, so it forbids none."""
    required = [name for name in properties if name not in optional]
    described = {"description": about} if about else {}
    return {"type": "object", **described, "properties": dict(properties), "required": required}


def width(low: int, high: int) -> str:
    """Say how wide an integer is: what generated clients of typed languages take for 32 bits otherwise."""
    return "int32" if low >= -HIGHEST_INT32 - 1 and high <= HIGHEST_INT32 else "int64"


def envelope(data: Schema) -> Schema:
    """Describe a success around its data. `success` tells it from a refusal."""
    return an_object(
        {"success": {"type": "boolean", "const": True}, "message": TEXT, "data": data, "error": ref("Nothing")}
    )


def refusal_schemas(codes: Iterable[str], *, of: str = "") -> dict[str, Schema]:
    """
    Describe a refusal with one of these codes, as three schemas: the envelope, the error in it, and its code.

    :param of: whose codes these are, the beginning of the names; empty for those that every operation has
    """
    text = (
        "What programs decide by. Codes may be added: of one that you do not know read `retryable`, and show "
        "`explanation`."
    )
    error = {
        "statusCode": an_integer(400, 599),
        "code": {**grows_from(f"{of}ErrorCode"), "description": text},
        "explanation": {"type": "string", "description": "For people; its words may change."},
        "retryable": {
            "type": "boolean",
            "description": "Whether the same request, with the same key, may end otherwise.",
        },
        "requestId": {"type": "string", "description": "Name it when you ask the operators for help."},
        "fields": {
            "type": "object",
            "additionalProperties": TEXT,
            "description": "What is wrong with each field, by its name.",
        },
        "details": {
            "anyOf": [ref("Price"), ref("Decline")],
            "description": "With `price_changed` the price of now, with `payment_declined` the reason; else none.",
        },
        "seats": {
            "type": "object",
            "additionalProperties": grows_from("SeatRefusal"),
            "description": "With `seats_taken`: why each seat that cannot be had cannot, by its number; else none.",
        },
    }
    return {
        f"{of}ErrorResponse": an_object(
            {
                "success": {"type": "boolean", "const": False},
                "message": TEXT,
                "data": ref("Nothing"),
                "error": ref(f"{of}Error"),
            }
        ),
        f"{of}Error": an_object(error, optional=["details", "seats"]),
        f"{of}ErrorCode": {"type": "string", "enum": sorted(codes)},
    }


def grows_from(name: str) -> Schema:
    """One of a list of values that may grow: a client that was generated before must read what is new."""
    return {"anyOf": [ref(name), TEXT]}


def an_integer(low: int, high: int, about: str = "") -> Schema:
    """Describe a whole number between two bounds."""
    described = {"description": about} if about else {}
    return {"type": "integer", "minimum": low, "maximum": high, "format": width(low, high), **described}


def enum_of(values: Iterable[str]) -> Schema:
    """Describe a text that is one of a list, which may grow."""
    return {"type": "string", "enum": list(values), "description": GROWS}


def or_null(schema: Schema) -> Schema:
    """Describe what may be missing."""
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
ADDRESS: Schema = {"type": "string", "format": "uri"}
ADDRESS_OR_NULL: Schema = {"type": ["string", "null"], "format": "uri"}
ID = an_integer(1, HIGHEST_ID)
MONEY = an_integer(0, HIGHEST_NUMBER, "In the currency's minor unit.")
CURRENCY: Schema = {
    "type": "string",
    "pattern": "^[A-Z]{3}$",
    "description": "ISO 4217. A booking keeps the one that it was made with.",
}
PRICE = {"seatPrice": MONEY, "totalCost": MONEY, "currency": CURRENCY}

SEAT_NUMBER: Schema = {"type": "string", "pattern": f"^{seat_numbers.SEAT_NUMBER.pattern}$", "example": "12A"}

PAYMENT: Mapping[str, Schema] = {
    "id": {**or_null(ID), "description": "Of the payment that waits or succeeded; null once it ended otherwise."},
    "state": grows_from("PaymentState"),
    "amount": MONEY,
    "currency": CURRENCY,
    "at": {**MOMENT, "description": "Since when it is so."},
}
BOOKING: Mapping[str, Schema] = {
    "id": ID,
    "reference": {
        "type": "string",
        "description": "Eight letters and digits without look-alikes, the first and the last a letter.",
    },
    "flightId": ID,
    "flight": ref("Flight"),
    "userId": ID,
    "status": grows_from("BookingStatus"),
    "noOfSeats": an_integer(1, MOST_SEATS),
    "seatNumbers": {
        "type": "array",
        "items": SEAT_NUMBER,
        "maxItems": MOST_SEAT_NUMBERS,
        "description": "The seats by number, from the front to the back; none: any seats. Asked for while it is "
        "`pending`, held while it is `initiated` or `booked`.",
    },
    "seatChange": {
        **or_null(ref("SeatChange")),
        "description": "While it is not known whether the booking has other seats instead.",
    },
    **PRICE,
    "cancelReason": or_null(grows_from("CancelReason")),
    "payment": {
        **or_null(ref("Payment")),
        "description": "The payment that counts, or the latest that failed; null before the first.",
    },
    "refund": {
        **or_null(ref("Refund")),
        "description": "Of that payment; null where nothing of it is owed back, nor was.",
    },
    "clientReference": {**TEXT_OR_NULL, "description": "What the client calls it."},
    "metadata": {
        "type": "object",
        "additionalProperties": TEXT,
        "description": "What the client keeps with it.",
    },
    "replaces": {**or_null(ID), "description": "The booking in whose place it was made."},
    "createdAt": MOMENT,
    "updatedAt": {**MOMENT, "description": "When something of this changed last."},
    "expiresAt": {**MOMENT, "description": "The end of the payment window."},
    "paidAt": {**MOMENT_OR_NULL, "description": "When its money was taken, refunded or not."},
    "cancelledAt": MOMENT_OR_NULL,
    "availableActions": {
        "type": "array",
        "items": grows_from("BookingAction"),
        "description": "What a customer may do with it now.",
    },
}

ANSWER_SCHEMAS: Mapping[str, Schema] = {
    "Nothing": {"type": "object", "maxProperties": 0, "additionalProperties": False, "description": "Always `{}`."},
    "BookingStatus": enum_of(BookingStatus.values),
    "CancelReason": enum_of(CancelReason.values),
    "ActorKind": enum_of(ActorKind),
    "SeatStatus": enum_of(list(SeatStatus)),
    "SeatRefusal": enum_of(list(SeatRefusal)),
    "Cabin": an_object(
        {
            "name": TEXT,
            "columns": {
                "type": "array",
                "items": TEXT_OR_NULL,
                "description": "From left to right; null is an aisle.",
            },
        }
    ),
    "Seat": an_object(
        {
            "number": SEAT_NUMBER,
            "row": an_integer(1, 999),
            "column": TEXT,
            "cabin": TEXT,
            "status": grows_from("SeatStatus"),
        }
    ),
    "SeatChange": an_object({"seatNumbers": {"type": "array", "items": SEAT_NUMBER, "maxItems": MOST_SEAT_NUMBERS}}),
    "SeatMap": an_object(
        {
            "flightId": ID,
            "version": {**an_integer(0, HIGHEST_INT32), "description": "Another one once seats are elsewhere."},
            "seatPrice": MONEY,
            "currency": CURRENCY,
            "capacity": {**or_null(an_integer(0, HIGHEST_INT32)), "description": "All seats, where that is known."},
            "seatsLeft": an_integer(0, HIGHEST_INT32),
            "cabins": {"type": "array", "items": ref("Cabin")},
            "seats": {"type": "array", "items": ref("Seat")},
        }
    ),
    "BookingAction": enum_of(["pay", "cancel", "choose_seats", "book_again"]),
    "Booking": an_object(BOOKING),
    "PayingBooking": an_object({**BOOKING, "payment": ref("PendingPayment")}),
    "Flight": an_object(
        {
            "number": TEXT_OR_NULL,
            "departure": MOMENT_OR_NULL,
            "arrival": MOMENT_OR_NULL,
            "departureAirport": TEXT_OR_NULL,
            "arrivalAirport": TEXT_OR_NULL,
        },
        about="The flight as the Flight Service showed it when the booking was made; null is what it did not show.",
    ),
    "PaymentState": enum_of(["awaiting_payer", "settling", "succeeded", "failed"]),
    "RefundState": enum_of(["pending", "succeeded", "failed"]),
    "RefundCause": enum_of(RefundCause.values),
    "Payment": an_object(PAYMENT),
    "PaymentActionType": enum_of(list(ActionKind)),
    "PaymentAction": an_object(
        {
            "type": grows_from("PaymentActionType"),
            "gateway": {**TEXT, "description": "Whose words these are, as in `stripe`."},
            "publishableKey": TEXT_OR_NULL,
            "clientSecret": {**TEXT_OR_NULL, "description": "For the payer's own client alone. Log it nowhere."},
            "url": {**ADDRESS_OR_NULL, "description": "Where the payer goes on."},
        }
    ),
    "PendingPayment": an_object(
        {
            **PAYMENT,
            "payableUntil": {**MOMENT_OR_NULL, "description": "From then on it is not charged any more."},
            "action": {
                **or_null(ref("PaymentAction")),
                "description": "What the payer has to do; null where the gateway or a bank has to.",
            },
        },
        about="A payment that waits. Repeat the request, or read the booking, until it has ended.",
    ),
    "Refund": an_object(
        {"state": grows_from("RefundState"), "amount": MONEY, "at": {**MOMENT, "description": "Since when it is so."}}
    ),
    "PaymentAttempt": an_object(
        {
            "id": ID,
            "state": grows_from("PaymentState"),
            "amount": MONEY,
            "currency": CURRENCY,
            "gateway": {**TEXT, "description": "Where the money was asked for."},
            "at": {**MOMENT, "description": "When it ended; while it is pending, when it began."},
            "declineCode": {**TEXT_OR_NULL, "description": "Why it was declined, in the gateway's words."},
        }
    ),
    "PaymentRefund": an_object(
        {
            "id": ID,
            "paymentId": ID,
            "state": grows_from("RefundState"),
            "amount": MONEY,
            "currency": CURRENCY,
            "cause": grows_from("RefundCause"),
            "at": {**MOMENT, "description": "When the money went back; until then, since when it is due."},
        }
    ),
    "BookingMoney": an_object(
        {
            "payments": {"type": "array", "items": ref("PaymentAttempt")},
            "refunds": {"type": "array", "items": ref("PaymentRefund")},
        },
        about="What came in for a booking, try by try, and what of it goes back; each the oldest first.",
    ),
    "BookingPage": an_object(
        {
            "results": {"type": "array", "items": ref("Booking")},
            "next": {**ADDRESS_OR_NULL, "description": "The address of the page of older bookings."},
            "previous": {**ADDRESS_OR_NULL, "description": "The address of the page of newer bookings."},
        }
    ),
    "EventType": enum_of(News.values),
    "EventBooking": an_object(
        {name: schema for name, schema in BOOKING.items() if name not in LEFT_OUT},
        about="The booking as it was when this happened. Without `metadata`, and without what may be done with it.",
    ),
    "EventChange": an_object(
        {
            "from": or_null(grows_from("BookingStatus")),
            "to": or_null(grows_from("BookingStatus")),
            "why": {**TEXT_OR_NULL, "description": "Of a booking that ended: its `cancelReason`."},
            "by": {**grows_from("ActorKind"), "description": "A kind of actor, never a name."},
            "amount": {**MONEY, "description": "What went back, in the currency's minor unit."},
        },
        optional=["amount"],
        about="What has changed; `from` and `to` are null where the status has not. `amount` is there with a refund.",
    ),
    "EventData": an_object({"booking": ref("EventBooking"), "change": ref("EventChange")}),
    "Event": an_object(
        {
            "id": {**TEXT, "description": "The same each time that this is told."},
            "type": grows_from("EventType"),
            "version": {**TEXT, "description": "The form of `data`: the date of its last change that breaks readers."},
            "timestamp": {**MOMENT, "description": "When it happened."},
            "sequence": an_integer(1, HIGHEST_INT32, "Counts the events of one booking, from 1 on and without holes."),
            "data": ref("EventData"),
        },
        about="One thing that happened to a booking.",
    ),
    "EventPage": an_object(
        {
            "results": {"type": "array", "items": ref("Event")},
            "next": {**ADDRESS, "description": "The address to go on with, now or later."},
            "hasMore": {"type": "boolean", "description": "Whether there is more already."},
        }
    ),
    "Actor": an_object({"kind": grows_from("ActorKind"), "name": TEXT}),
    "BookingEvent": an_object(
        {
            "what": TEXT,
            "who": ref("Actor"),
            "from": TEXT_OR_NULL,
            "to": TEXT_OR_NULL,
            "why": TEXT_OR_NULL,
            "note": TEXT_OR_NULL,
            "when": MOMENT,
            "requestId": TEXT_OR_NULL,
        }
    ),
    "Timeline": an_object({"results": {"type": "array", "items": ref("BookingEvent")}}),
    "ServiceInfo": an_object({"name": TEXT, "version": TEXT, "apiVersion": TEXT}),
    "ApiLinks": an_object({name: {"type": "string", "format": "uri-reference"} for name in LINKS}),
    "Price": an_object(PRICE, about="What the seats that were asked for cost now."),
    "Decline": an_object({"reason": TEXT}, about="Why a payment was declined, in the gateway's word."),
}
