"""Answers that are none: what a broken proxy, a half-written program or a stranger at the address may send."""

from flightsim.answers import as_json
from flightsim.wire import HTML, Reply

# A sane client stops reading at some size; 64 KiB is the limit of the service that this stands in for.
OVERSIZED_BYTES = 65 * 1024

_PAGE = b"<!DOCTYPE html>\n<html><body><h1>Welcome to nginx!</h1></body></html>\n"
_CUT = b'{"success":true,"message":"Successfully completed the request","data":{"id":1,"pri'
_WRONG_TYPES = as_json({"success": "true", "message": 1, "data": {"id": "1", "price": None}, "error": []})
_OVERSIZED = as_json({"success": True, "message": " " * OVERSIZED_BYTES, "data": {}, "error": {}})

KINDS = (
    Reply(200, _PAGE, content_type=HTML),
    Reply(200, _CUT),
    Reply(200, _WRONG_TYPES),
    Reply(200, _OVERSIZED),
)


def garbage(number: int) -> Reply:
    """Return one of the kinds, each in its turn. Every one of them says 200, and none what was decided."""
    return KINDS[number % len(KINDS)]
