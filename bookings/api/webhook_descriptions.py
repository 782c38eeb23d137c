"""What the OpenAPI document tells people of the endpoints about webhooks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from bookings import errors
from bookings.answers.announcements import VERSION
from bookings.api.operation import Answer, Operation, if_match
from bookings.api.webhook_serializers import (
    ChangeWebhookEndpointRequest,
    ListDeliveriesQuery,
    MakeWebhookEndpointRequest,
    ReplayWebhooksRequest,
    RotateWebhookSecretRequest,
)
from bookings.conf import HIGHEST_ID

KEY = "we_5b1f0c9a7e6d4f5b8a9c0d1e2f3a4b5c"
AT = "2026-11-29T20:00:00.000Z"
ENDPOINT: Mapping[str, Any] = {
    "id": KEY,
    "url": "https://hooks.example.org/bookings",
    "types": ["booking.cancelled", "booking.paid"],
    "hasContactEmail": False,
    "payloadVersion": VERSION,
    "state": "active",
    "disabledWhy": None,
    "failures": 0,
    "failingSince": None,
    "restsUntil": None,
    "previousSecretUntil": None,
    "createdAt": AT,
}
# An example, and no one's.
NEW = {**ENDPOINT, "state": "new", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789AB="}  # nosec B105
DELIVERY: Mapping[str, Any] = {
    "id": 7,
    "eventId": "evt_5b1f0c9a7e6d4f5b8a9c0d1e2f3a4b5c",
    "type": "booking.paid",
    "bookingId": 1,
    "state": "pending",
    "tries": 1,
    "nextTryAt": "2026-11-29T20:00:05.000Z",
    "endsAt": "2026-12-02T20:00:00.000Z",
    "deliveredAt": None,
    "lastStatus": 503,
    "lastError": "HTTP 503",
    "lastMilliseconds": 120,
    "createdAt": AT,
}
PING = {**DELIVERY, "eventId": "ping_7", "type": "webhook.ping", "bookingId": None, "tries": 0, "lastStatus": None}
PING |= {"lastError": None, "lastMilliseconds": 0}
WHOLE = {
    **DELIVERY,
    "body": {"id": DELIVERY["eventId"], "type": "booking.paid", "version": VERSION},
    "attempts": [{"at": AT, "status": 503, "error": "HTTP 503", "answer": "busy", "milliseconds": 120}],
}
REPLAY: Mapping[str, Any] = {
    "since": "2026-11-28T20:00:00.000Z",
    "until": AT,
    "onlyDead": True,
    "state": "running",
    "count": 0,
    "createdAt": AT,
}
READ = "Successfully completed the request"

ENDPOINT_ID = OpenApiParameter(
    "id",
    {"type": "string", "minLength": 1, "maxLength": 64},
    OpenApiParameter.PATH,
    description="The endpoint's id, as in `we_…`.",
)
DELIVERY_ID = OpenApiParameter(
    "delivery",
    {"type": "integer", "minimum": 1, "maximum": HIGHEST_ID},
    OpenApiParameter.PATH,
    description="The delivery's id.",
)
IF_MATCH = if_match(
    "An `ETag` of the endpoint that you have seen: if it has changed since, nothing is done, and the "
    "answer is 412 `endpoint_changed`.",
)
_FOUND = (errors.EndpointNotFound,)

WEBHOOK_OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "endpoint_make": Operation(
            "makeWebhookEndpoint",
            "Make a webhook endpoint",
            "Has what happens to bookings sent to an address of yours, signed by the `secret` that is shown here and "
            "nowhere else. A ping goes out; the rest waits until that was answered by 2xx. The same address once more "
            "is 409 `endpoint_exists`: rotate its secret if you do not have it.",
            {201: Answer("Endpoint made", "NewWebhookEndpoint", NEW, ("Location", "ETag"))},
            request=MakeWebhookEndpointRequest,
            example={"url": ENDPOINT["url"], "types": ENDPOINT["types"]},
            refusals=(errors.EndpointExists, errors.TooManyEndpoints, errors.WebhooksOff),
        ),
        "endpoint_list": Operation(
            "listWebhookEndpoints",
            "List your webhook endpoints",
            "Those of this key that are not deleted, five at most.",
            {200: Answer(READ, "WebhookEndpoints", {"results": [ENDPOINT]})},
        ),
        "endpoint_read": Operation(
            "getWebhookEndpoint",
            "Read a webhook endpoint",
            "Shows how it stands with it.",
            {200: Answer(READ, "WebhookEndpoint", ENDPOINT, ("ETag",))},
            parameters=(ENDPOINT_ID,),
            refusals=_FOUND,
        ),
        "endpoint_change": Operation(
            "changeWebhookEndpoint",
            "Change a webhook endpoint",
            "Changes its address or types, pauses it, or has it sent to again.",
            {200: Answer("Endpoint changed", "WebhookEndpoint", ENDPOINT, ("ETag",))},
            parameters=(ENDPOINT_ID, IF_MATCH),
            request=ChangeWebhookEndpointRequest,
            example={"types": ["booking.cancelled", "booking.paid"], "state": "active"},
            refusals=(*_FOUND, errors.EndpointChanged),
        ),
        "endpoint_retire": Operation(
            "deleteWebhookEndpoint",
            "Delete a webhook endpoint",
            "Nothing is sent there any more. Again: the same answer.",
            {200: Answer("Endpoint retired", "Nothing", {})},
            parameters=(ENDPOINT_ID, IF_MATCH),
            refusals=(*_FOUND, errors.EndpointChanged),
        ),
        "endpoint_rotate": Operation(
            "rotateWebhookSecret",
            "Get a new secret",
            "Shows a new secret, once. For `graceHours` each webhook is signed with the old one as well.",
            {200: Answer("Secret rotated", "NewWebhookEndpoint", {**NEW, "state": "active"}, ("ETag",))},
            parameters=(ENDPOINT_ID,),
            request=RotateWebhookSecretRequest,
            example={"graceHours": 24},
            refusals=(*_FOUND, errors.RotationUnderWay, errors.WebhooksOff),
        ),
        "endpoint_ping": Operation(
            "pingWebhookEndpoint",
            "Have a ping sent",
            "Sends a `webhook.ping` within a second. One that waits is sent in its place.",
            {202: Answer("Ping accepted", "WebhookDelivery", PING)},
            parameters=(ENDPOINT_ID,),
            refusals=_FOUND,
        ),
        "endpoint_replay": Operation(
            "replayWebhooks",
            "Have a time sent once more",
            "Sends what happened since then once more, with the same ids and bodies: 30 days back at most.",
            {202: Answer("Replay accepted", "WebhookReplay", REPLAY)},
            parameters=(ENDPOINT_ID,),
            request=ReplayWebhooksRequest,
            example={"since": REPLAY["since"], "onlyDead": True},
            refusals=(*_FOUND, errors.ReplayUnderWay),
        ),
        "delivery_list": Operation(
            "listWebhookDeliveries",
            "List what is delivered",
            "Newest first. `next` and `previous` are addresses, or null at the ends.",
            {200: Answer(READ, "WebhookDeliveryPage", {"results": [DELIVERY], "next": None, "previous": None})},
            parameters=(ENDPOINT_ID, ListDeliveriesQuery),
            refusals=_FOUND,
        ),
        "delivery_read": Operation(
            "getWebhookDelivery",
            "Read a delivery",
            "Shows what is sent, and how each try has failed.",
            {200: Answer(READ, "WholeWebhookDelivery", WHOLE)},
            parameters=(ENDPOINT_ID, DELIVERY_ID),
            refusals=(*_FOUND, errors.DeliveryNotFound),
        ),
        "delivery_again": Operation(
            "redeliverWebhook",
            "Have a delivery sent once more",
            "Sends it within a second, delivered or dead, with the same id and body. Twice is once.",
            {202: Answer("Delivery accepted", "WebhookDelivery", DELIVERY)},
            parameters=(ENDPOINT_ID, DELIVERY_ID),
            refusals=(*_FOUND, errors.DeliveryNotFound),
        ),
    }
)
