"""A client of the API, through Django's test client."""

import itertools
import json
from typing import Any

from django.test import Client

BOOKINGS = "/api/v1/bookings"
PAYMENTS = "/api/v1/bookings/payments"

_keys = itertools.count(1)


class Api:
    """
    Sends requests as the design document spells them.

    `key` is the Idempotency-Key; a payment gets a fresh one unless it is named. Other headers go by keyword:
    `headers={"Prefer": "respond-async"}`.
    """

    def __init__(self) -> None:
        # An unexpected exception is an answer here, as it is for a client.
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(path, query, headers=headers)

    def create(self, body: Any = None, *, key: str | None = None, headers: Any = None, **fields: Any) -> Any:
        content = {"flightId": 1, "userId": 1001, "noOfSeats": 2, **fields} if body is None else body
        return self.post(BOOKINGS, content, key=key, headers=headers)

    def pay(self, booking: Any, *, key: str | None = "", headers: Any = None, **fields: Any) -> Any:
        """Pay a booking (an answer's `data`, or a row); `key=None` sends no key."""
        shown = booking if isinstance(booking, dict) else vars(booking)
        content = {
            "bookingId": shown["id"],
            "userId": shown.get("userId", shown.get("user_id")),
            "totalCost": shown.get("totalCost", shown.get("total_cost")),
            **fields,
        }
        fresh = f"pay-{next(_keys)}" if key == "" else key
        return self.post(PAYMENTS, content, key=fresh, headers=headers)

    def cancel(self, booking: Any, *, key: str | None = None, headers: Any = None, **fields: Any) -> Any:
        shown = booking if isinstance(booking, dict) else vars(booking)
        content = {"userId": shown.get("userId", shown.get("user_id")), **fields}
        return self.post(f"{BOOKINGS}/{shown['id']}/cancel", content, key=key, headers=headers)

    def choose(self, booking: Any, *numbers: str, key: str | None = None, headers: Any = None, **fields: Any) -> Any:
        """Ask for these seats in the place of those that a booking has."""
        shown = booking if isinstance(booking, dict) else vars(booking)
        content = {"userId": shown.get("userId", shown.get("user_id")), "seatNumbers": [*numbers], **fields}
        return self.post(f"{BOOKINGS}/{shown['id']}/seats", content, key=key, headers=headers)

    def post(self, path: str, content: Any, *, key: str | None = None, headers: Any = None) -> Any:
        """Send JSON, or bytes as they are."""
        return self.send("POST", path, content, key=key, headers=headers)

    def send(self, method: str, path: str, content: Any, *, key: str | None = None, headers: Any = None) -> Any:
        """Send JSON, or bytes as they are, by any method."""
        sent = dict(headers or {})
        if key is not None:
            sent["Idempotency-Key"] = key
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.generic(
            method, path, body, content_type=sent.pop("Content-Type", "application/json"), headers=sent
        )


def shown(answer: Any) -> dict[str, Any]:
    """The `data` of an answer."""
    found: dict[str, Any] = answer.json()["data"]
    return found


def refused(answer: Any) -> tuple[int, str]:
    """The status and the code of an error."""
    return answer.status_code, answer.json()["error"]["code"]
