"""Answers that are none: what a broken proxy, a half-written program or a stranger at the address may send."""

import json

from paysim.wire import HTML, Reply

# A sane client stops reading at some size.
OVERSIZED_BYTES = 2 * 1024 * 1024

_PAGE = b"<!DOCTYPE html>\n<html><body><h1>Welcome to nginx!</h1></body></html>\n"
_CUT = b'{"id": "pi_1", "object": "payment_intent", "amou'
_WRONG_TYPES = json.dumps({"id": 1, "object": "payment_intent", "amount": "10", "status": None}).encode()
_STRANGER = json.dumps({"id": "cus_1", "object": "customer", "status": "succeeded"}).encode()
_OVERSIZED = json.dumps({"id": "pi_1", "object": "payment_intent", "description": " " * OVERSIZED_BYTES}).encode()

KINDS = (
    Reply(200, _PAGE, content_type=HTML),
    Reply(200, _CUT),
    Reply(200, _WRONG_TYPES),
    Reply(200, _STRANGER),
    Reply(200, _OVERSIZED),
)

BAD_GATEWAY = Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>\n", content_type=HTML)


def garbage(number: int) -> Reply:
    """Return one of the kinds, each in its turn. Every one of them says 200, and none what was done."""
    return KINDS[number % len(KINDS)]
