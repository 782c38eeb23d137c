"""The shapes of requests about webhooks, which are checked by them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings.api.moments import MOMENT_TEXT, Moment
from bookings.api.serializers import Choices, QueryInteger, RequestBody, StrictInteger, StrictSerializer, StrictString
from bookings.lifecycle import News
from bookings.models.webhooks import DeliveryState, EndpointState
from bookings.text import mail_addresses

LONGEST_ADDRESS = 500

# What an owner may have of the states.
WISHED = (EndpointState.ACTIVE, EndpointState.PAUSED)


def an_address(*, required: bool) -> StrictString:
    return StrictString(
        required=required,
        trim_whitespace=False,
        max_length=LONGEST_ADDRESS,
        help_text="`https://`, the full name of a host, and a path. It must lead to public IP addresses alone.",
    )


def the_types() -> Choices:
    return Choices(
        required=False,
        choices=News.choices,
        help_text="What you want to be told of; all if it is left out or empty, also types to come.",
        error_messages={"invalid_choice": f"Must be one of {', '.join(News.values)}."},
    )


@extend_schema_field(
    {
        "type": "string",
        "pattern": mail_addresses.PATTERN,
        "maxLength": mail_addresses.LONGEST,
        "example": "ops@example.org",
    }
)
class Email(StrictString):
    """An address of mail, in the one form that each server takes."""

    default_error_messages = {"email": "Must be an address of mail in ASCII, without blanks, quotes or comments."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return mail_addresses.normal(text if text.isascii() else "")
        except ValueError:
            self.fail("email")


def the_contact_email() -> Email:
    return Email(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        max_length=mail_addresses.LONGEST,
        help_text="Is told by mail when the endpoint has failed for an hour and for a day, is disabled, and works "
        "again; and once a day, what was never delivered. Null: no one is told. It is shown in no answer.",
    )


class MakeWebhookEndpointRequest(StrictSerializer):
    """Where webhooks shall go, and of what."""

    url = an_address(required=True)
    types = the_types()
    contactEmail = the_contact_email()


class ChangeWebhookEndpointRequest(StrictSerializer):
    """What is to be changed; the rest stays as it is."""

    url = an_address(required=False)
    types = the_types()
    contactEmail = the_contact_email()
    state = serializers.ChoiceField(
        required=False,
        choices=WISHED,
        help_text="`paused`: nothing is sent, and what happens waits for 72 hours. `active`: it is sent again.",
        error_messages={"invalid_choice": f"Must be one of {', '.join(WISHED)}."},
    )


class RotateWebhookSecretRequest(RequestBody):
    """For how long the secret before the new one signs as well."""

    graceHours = StrictInteger(
        min_value=0,
        max_value=168,
        required=False,
        help_text="24 if it is left out. 0, for a secret that has got out: the old one ends at once.",
    )


class ReplayWebhooksRequest(StrictSerializer):
    """Of which time everything is to be sent once more."""

    since = Moment(help_text=MOMENT_TEXT)
    until = Moment(required=False, help_text=f"Now, if it is left out. {MOMENT_TEXT}")
    onlyDead = serializers.BooleanField(required=False, help_text="Leave alone what was delivered.")


class ListDeliveriesQuery(StrictSerializer):
    state = serializers.ChoiceField(
        required=False,
        choices=DeliveryState.choices,
        error_messages={"invalid_choice": f"Must be one of {', '.join(DeliveryState.values)}."},
    )
    bookingId = QueryInteger(required=False, min_value=1, max_value=2**53 - 1)
    cursor = serializers.CharField(
        required=False, max_length=200, help_text="From `next` or `previous` of another page."
    )
    limit = QueryInteger(required=False, min_value=1, max_value=100)
