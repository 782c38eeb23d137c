"""What the API answers about webhooks, as JSON Schema for the OpenAPI document. Nothing here makes an answer."""

from collections.abc import Mapping

from bookings.answers.pings import PING
from bookings.api.answer_schemas import (
    ADDRESS_OR_NULL,
    ID,
    MOMENT,
    MOMENT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    an_integer,
    an_object,
    enum_of,
    grows_from,
    or_null,
    ref,
)
from bookings.lifecycle import News
from bookings.models.webhooks import DeliveryState, EndpointState, ReplayState

COUNT = an_integer(0, 2**31 - 1)
STATUS = an_integer(100, 599)

ENDPOINT: Mapping[str, Schema] = {
    "id": {**TEXT, "description": "`we_` and 32 hexadecimal digits."},
    "url": {"type": "string", "format": "uri"},
    "types": {
        "type": "array",
        "items": grows_from("EventType"),
        "description": "What it is told of; empty: everything, also types to come.",
    },
    "hasContactEmail": {
        "type": "boolean",
        "description": "Whether its owner is told by mail when it fails. The address itself is shown to no one.",
    },
    "payloadVersion": {**TEXT, "description": "The form of the bodies that it gets, as a date."},
    "state": grows_from("EndpointState"),
    "disabledWhy": TEXT_OR_NULL,
    "failures": {**COUNT, "description": "In a row."},
    "failingSince": MOMENT_OR_NULL,
    "restsUntil": {**MOMENT_OR_NULL, "description": "Until then nothing is sent, as it has failed."},
    "previousSecretUntil": {**MOMENT_OR_NULL, "description": "Until then the secret before this one signs as well."},
    "createdAt": MOMENT,
}
DELIVERY: Mapping[str, Schema] = {
    "id": ID,
    "eventId": {**TEXT, "description": "What it is sent with as `webhook-id`."},
    "type": grows_from("WebhookType"),
    "bookingId": or_null(ID),
    "state": grows_from("DeliveryState"),
    "tries": COUNT,
    "nextTryAt": MOMENT_OR_NULL,
    "endsAt": {**MOMENT, "description": "From then on it is dead, if it is not delivered."},
    "deliveredAt": MOMENT_OR_NULL,
    "lastStatus": {**or_null(STATUS), "description": "Of the last answer; null if there was none."},
    "lastError": TEXT_OR_NULL,
    "lastMilliseconds": COUNT,
    "createdAt": MOMENT,
}

WEBHOOK_SCHEMAS: Mapping[str, Schema] = {
    "WebhookType": enum_of([*News.values, PING]),
    "EndpointState": enum_of(EndpointState.values),
    "DeliveryState": enum_of(DeliveryState.values),
    "ReplayState": enum_of(ReplayState.values),
    "WebhookEndpoint": an_object(ENDPOINT),
    "NewWebhookEndpoint": an_object(
        {**ENDPOINT, "secret": {**TEXT, "description": "What signs, as receivers keep it. It is shown this once."}}
    ),
    "WebhookEndpoints": an_object({"results": {"type": "array", "items": ref("WebhookEndpoint")}}),
    "WebhookDelivery": an_object(DELIVERY),
    "WebhookDeliveryPage": an_object(
        {
            "results": {"type": "array", "items": ref("WebhookDelivery")},
            "next": {**ADDRESS_OR_NULL, "description": "The address of the page of older deliveries."},
            "previous": {**ADDRESS_OR_NULL, "description": "The address of the page of newer deliveries."},
        }
    ),
    "WebhookAttempt": an_object(
        {
            "at": MOMENT,
            "status": or_null(STATUS),
            "error": TEXT,
            "answer": {**TEXT, "description": "The beginning of what the receiver said."},
            "milliseconds": COUNT,
        }
    ),
    "WholeWebhookDelivery": an_object(
        {
            **DELIVERY,
            "body": {"type": "object", "description": "What is sent."},
            "attempts": {"type": "array", "items": ref("WebhookAttempt"), "description": "Those that failed."},
        }
    ),
    "WebhookReplay": an_object(
        {
            "since": MOMENT,
            "until": MOMENT,
            "onlyDead": {"type": "boolean"},
            "state": grows_from("ReplayState"),
            "count": {**COUNT, "description": "Deliveries that it has made or renewed so far."},
            "createdAt": MOMENT,
        }
    ),
}
