"""What a ping says: nothing but that it is one. Pure."""

from datetime import datetime
from typing import Any

from bookings.answers.announcements import VERSION
from bookings.answers.rendering import iso

PING = "webhook.ping"


def ping_as_json(key: str, *, at: datetime) -> dict[str, Any]:
    """Show a ping as it is sent."""
    return {"id": key, "type": PING, "version": VERSION, "timestamp": iso(at), "data": {}}
