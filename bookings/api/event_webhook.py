"""What the OpenAPI document says of the requests that this service sends: an event, to those who have asked for it."""

from bookings.api.answer_schemas import TEXT, Schema, ref
from bookings.api.descriptions import TOLD

JSON = "application/json"


def _header(name: str, description: str, schema: Schema = TEXT) -> Schema:
    return {"in": "header", "name": name, "required": True, "schema": schema, "description": description}


WEBHOOKS: Schema = {
    "event": {
        "post": {
            "operationId": "receiveEvent",
            "summary": "An event, as it is sent",
            "description": "Sent to your address until you answer 2xx, for 72 hours, with the same id and the same "
            "bytes each time, and signed by the words of Standard Webhooks: verify it before you believe it.",
            "tags": ["webhooks"],
            "security": [],
            "parameters": [
                _header("webhook-id", "The id of the event."),
                _header("webhook-timestamp", "When it was sent, in seconds since 1970: refuse what is 5 minutes off."),
                _header("webhook-signature", "One signature or more, with blanks between them: `v1,` and base64."),
            ],
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": ref("Event"), "examples": {"paid": {"value": TOLD}}}},
            },
            "responses": {
                "204": {"description": "You have it. Any 2xx will do."},
                "410": {"description": "You want none any more: nothing else is sent there."},
            },
        }
    }
}
