"""The shapes of requests, which are checked by them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from bookings.api.contact_field import Contact
from bookings.api.moments import MOMENT_TEXT, Day, Moment
from bookings.api.seat_field import SeatNumbers
from bookings.conf import (
    HIGHEST_ID,
    HIGHEST_NUMBER,
    LONGEST_CLIENT_REFERENCE,
    LONGEST_METADATA_KEY,
    LONGEST_METADATA_VALUE,
    LONGEST_NAME_OF_A_FLIGHT,
    LONGEST_PAYER_TOKEN,
    MOST_METADATA,
)
from bookings.lifecycle import BookingStatus, News
from bookings.text.legible import is_legible, is_orderly
from bookings.text.seat_numbers import MOST_SEAT_NUMBERS, SEAT_NUMBER

CURRENCY_CODE = RegexValidator(r"^[A-Z]{3}\Z", "Must be a code of ISO 4217: three capitals, as in EUR.")


PAYER_TOKEN = RegexValidator(r"^[!-~]+\Z", "Must be visible ASCII characters.")


class StrictInteger(serializers.IntegerField):
    """A JSON integer: neither "2" nor 2.0 nor true."""

    default_error_messages = {"invalid": "Must be an integer, as in 2; not text, a fraction or a truth value."}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class StrictString(serializers.CharField):
    """A JSON string: a number is not text."""

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class QueryInteger(serializers.IntegerField):
    """A number in a query: ASCII digits, nothing else that Python would take for one."""

    def to_internal_value(self, data: Any) -> int:
        if not (isinstance(data, str) and data.isascii() and data.isdigit()):
            self.fail("invalid")
        number: int = super().to_internal_value(data)
        return number


class Choices(serializers.MultipleChoiceField):
    """Some of a list, in one order however they were sent."""

    def to_internal_value(self, data: Any) -> Any:
        is_list = isinstance(data, list)
        if not is_list:  # an object can be gone through as well
            self.fail("not_a_list", input_type=type(data).__name__)
        return sorted(super().to_internal_value(data))


class Note(StrictString):
    """A short text of a customer, on one line, in which there is something to read."""

    default_error_messages = {
        "illegible": "Must have something to read in it; what is sent does not show.",
        "unruly": "Must be one line, without control characters and without those that turn the direction of it.",
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not is_legible(text):
            self.fail("illegible")
        if not is_orderly(text):
            self.fail("unruly")
        return text


class Name(Note):
    """What a client calls something. The blanks around it count, though they are no part of it."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": MOST_METADATA,
        "propertyNames": {"minLength": 1, "maxLength": LONGEST_METADATA_KEY},
        "additionalProperties": {"type": "string", "maxLength": LONGEST_METADATA_VALUE},
        "example": {"order": "A-17"},
    }
)
class Metadata(serializers.Field[Any, Any, Any, Any]):
    """Names and texts that a client keeps with a booking. They mean nothing here."""

    default_error_messages = {
        "invalid": 'Must be an object of texts, as in {{"order": "A-17"}}.',
        "too_many": f"Must have at most {MOST_METADATA} names.",
        "name": f"Each name must have 1 to {LONGEST_METADATA_KEY} characters.",
        "value": f"Each value must be a text of at most {LONGEST_METADATA_VALUE} characters.",
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) > MOST_METADATA:
            self.fail("too_many")
        if not all(1 <= len(name) <= LONGEST_METADATA_KEY for name in data):
            self.fail("name")
        if not all(isinstance(value, str) and len(value) <= LONGEST_METADATA_VALUE for value in data.values()):
            self.fail("value")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, under the names the client sent."""

    default_error_messages = {"unknown": "Unknown field."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                message = self.error_messages["unknown"]
                raise serializers.ValidationError({name[:64]: [message] for name in unknown[:20]})
        return super().to_internal_value(data)


class _WholeNumber(NamedTuple):
    """What a `StrictInteger` of a body takes."""

    name: str
    least: int
    most: int
    is_required: bool


class RequestBody(StrictSerializer):
    """
    A JSON body of which whole numbers alone are required. None of these has a default, or a rule beside its bounds.
    What can be left out only for something that is no number is in `NEEDED_ALONE`.

    A body of nothing but good whole numbers is taken after one look at each: most are that, and the framework makes
    eighty calls for it. All others go through the fields, which word every refusal.
    """

    NEEDED_ALONE: tuple[str, ...] = ()

    def run_validation(self, data: Any = serializers.empty) -> Any:
        taken = self._whole_numbers(data)
        return super().run_validation(data) if taken is None else taken

    def _whole_numbers(self, data: Any) -> dict[str, int] | None:
        """Give the values in the order of the fields; None if there is anything but good whole numbers."""
        if type(data) is not dict:
            return None
        taken = {}
        for name, least, most, is_required in self._numbers:
            value = data.get(name)
            if type(value) is int and least <= value <= most:
                taken[name] = value
            elif is_required:
                return None
        return taken if len(taken) == len(data) else None

    @cached_property
    def _numbers(self) -> list[_WholeNumber]:
        return [
            _WholeNumber(name, field.min_value, field.max_value, field.required or name in self.NEEDED_ALONE)
            for name, field in self.fields.items()
            if isinstance(field, StrictInteger) and field.min_value is not None and field.max_value is not None
        ]


def an_id() -> StrictInteger:
    return StrictInteger(min_value=1, max_value=HIGHEST_ID)


def the_user() -> StrictInteger:
    """A customer's token names the user; every other caller must name it."""
    text = "Whose booking. With a customer's token: may be left out, and must not be another's."
    return StrictInteger(min_value=1, max_value=HIGHEST_ID, required=False, help_text=text)


class CreateBookingRequest(RequestBody):
    """Seats on a flight, for a user: so many, or those with these numbers."""

    NEEDED_ALONE = ("noOfSeats",)
    default_error_messages = {
        "which": "This field is required, or seatNumbers.",
        "many": "Must be as many as there are seatNumbers.",
    }

    flightId = an_id()
    userId = the_user()
    noOfSeats = StrictInteger(
        min_value=1,
        max_value=settings.MAX_SEATS_PER_BOOKING,
        required=False,
        help_text="May be left out with `seatNumbers`, which say how many.",
    )
    seatNumbers = SeatNumbers(
        required=False,
        min_length=1,
        max_length=min(settings.MAX_SEATS_PER_BOOKING, MOST_SEAT_NUMBERS),
        child=serializers.RegexField(SEAT_NUMBER),
        help_text="These seats, as `GET /flights/{id}/seats` names them: all of them are held, or none. In any order.",
    )
    expectedPrice = StrictInteger(
        min_value=0,
        max_value=HIGHEST_NUMBER,
        required=False,
        help_text="What one seat costs as far as you know, in the currency's minor unit: the flight's `price`, "
        "not the total. If it costs something else now, nothing is held: 400 `price_changed`.",
    )
    clientReference = Name(
        required=False,
        max_length=LONGEST_CLIENT_REFERENCE,
        help_text="What you call the booking. Need not be unique; `GET /bookings` finds it.",
    )
    metadata = Metadata(
        required=False,
        help_text="What you want to find with the booking again. Kept and shown as it is, and read by nothing here. "
        "Put no secrets into it.",
    )
    replaces = StrictInteger(
        min_value=1,
        max_value=HIGHEST_ID,
        required=False,
        help_text="The id of a booking of the same user in whose place this one is made, as to book again what has "
        "expired. It is a link and no more: that booking stays as it is. Another user's: 404.",
    )
    contact = Contact(
        required=False,
        help_text="Where the traveler is told by mail what happens to the booking, in the language of `locale` or in "
        "English. `wants` may name `reminders`: also that the payment window ends soon; and `sms`: what is urgent also "
        "as an SMS to `phone`, which is needed then, and otherwise not kept. All is kept sealed, shown nowhere, and "
        "erased a while after the booking's end. With a customer's token that names a verified address, or "
        "number: that one.",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Name `noOfSeats` among what is wrong where there are neither these nor their numbers; else say how many."""
        missing: dict[str, Any] = {}
        if isinstance(data, Mapping) and not {"noOfSeats", "seatNumbers"} & data.keys():
            missing = {"noOfSeats": [ErrorDetail(str(self.error_messages["which"]), code="required")]}
        try:
            taken = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                error.detail |= missing
            raise
        if missing:
            raise serializers.ValidationError(missing)
        named = len(taken.get("seatNumbers", ()))
        if named and taken.setdefault("noOfSeats", named) != named:
            raise serializers.ValidationError({"noOfSeats": [self.error_messages["many"]]})
        return taken


class PayBookingRequest(RequestBody):
    """The total cost of a booking, to be taken."""

    bookingId = an_id()
    userId = the_user()
    totalCost = StrictInteger(min_value=0, max_value=HIGHEST_NUMBER)
    currency = StrictString(
        required=False,
        trim_whitespace=False,
        validators=[CURRENCY_CODE],
        help_text="What `totalCost` is in, as far as you know. If the booking is in another currency, nothing is "
        "charged: 400 `currency_mismatch`.",
    )
    paymentToken = StrictString(
        required=False,
        trim_whitespace=False,
        max_length=LONGEST_PAYER_TOKEN,
        validators=[PAYER_TOKEN],
        help_text="What the payment gateway has given your page for this payment, as a Stripe ConfirmationToken. It is "
        "used once and kept nowhere. Without it the payer confirms the payment with the `action` of a 202.",
    )


class CancelBookingRequest(RequestBody):
    """The end of a booking, and why if the customer says so."""

    userId = the_user()
    reason = Note(required=False, max_length=200, help_text="Free text on one line, kept in the timeline.")


class ChangeSeatsRequest(StrictSerializer):
    """The seats that a booking is to have, as many as it has."""

    userId = the_user()
    seatNumbers = SeatNumbers(
        min_length=1,
        max_length=min(settings.MAX_SEATS_PER_BOOKING, MOST_SEAT_NUMBERS),
        child=serializers.RegexField(SEAT_NUMBER),
        help_text="All of them, also those that it keeps. In any order.",
    )


class ChangeBookingContactRequest(StrictSerializer):
    """Where the traveler of a booking is reached from now on."""

    userId = the_user()
    contact = Contact(help_text="As with a new booking.")


class ListBookingsQuery(StrictSerializer):
    userId = QueryInteger(required=False, min_value=1, max_value=HIGHEST_ID)
    flightId = QueryInteger(required=False, min_value=1, max_value=HIGHEST_ID)
    status = Choices(
        required=False,
        choices=BookingStatus.choices,
        help_text="One of these; sent more than once, any of them.",
        error_messages={"invalid_choice": f"Must be one of {', '.join(BookingStatus.values)}."},
    )
    reference = serializers.RegexField(
        r"^[0-9A-Za-z .-]+$",
        required=False,
        trim_whitespace=False,
        max_length=64,
        help_text="With or without blanks and dashes, in small letters or capitals.",
        error_messages={"invalid": "Must be letters and digits, with blanks, dots and dashes between them at most."},
    )
    clientReference = Name(
        required=False,
        max_length=LONGEST_CLIENT_REFERENCE,
        help_text="What you called it, to the letter.",
    )
    flightNumber = Name(
        required=False,
        max_length=LONGEST_NAME_OF_A_FLIGHT,
        help_text="As in UK 808, with or without the blank, in small letters or capitals.",
    )
    departureDay = Day(required=False, help_text="Of a `flightNumber`: the day of departure in UTC, as in 2030-01-01.")
    createdAfter = Moment(required=False, help_text=f"Created later than this. {MOMENT_TEXT}")
    createdBefore = Moment(required=False, rounds_up=True, help_text=f"Created before this. {MOMENT_TEXT}")
    updatedAfter = Moment(
        required=False,
        help_text="Changed later than this; the list begins with what changed first, has no `previous`, and shows a "
        f"booking again that changes meanwhile. {MOMENT_TEXT}",
    )
    limit = QueryInteger(required=False, min_value=1, max_value=100, default=20)
    cursor = serializers.CharField(
        required=False, max_length=800, help_text="From `next` or `previous` of a list with the same filters."
    )

    def validate(self, attrs: Any) -> Any:
        if "departureDay" in attrs and "flightNumber" not in attrs:
            raise serializers.ValidationError({"departureDay": ["Send flightNumber with it."]})
        return attrs


class ListEventsQuery(StrictSerializer):
    after = serializers.RegexField(
        r"^evt_[0-9a-f]{32}$",
        required=False,
        trim_whitespace=False,
        help_text="The id of an event: the list begins behind it; without it, with the oldest that is kept.",
        error_messages={"invalid": "Must be the id of an event."},
    )
    types = Choices(
        required=False,
        choices=[(news, news) for news in News.values],
        help_text="One of these; sent more than once, any of them.",
        error_messages={"invalid_choice": f"Must be one of {', '.join(News.values)}."},
    )
    limit = QueryInteger(required=False, min_value=1, max_value=100, default=20)
