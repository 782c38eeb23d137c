"""The request headers that the API understands."""

import re

from rest_framework.request import Request

from bookings.errors import IdempotencyKeyRequired, InvalidRequest

# Visible ASCII, optionally in the double quotes of a structured header; a comma would be between two keys.
_KEY = re.compile(r"[!-+\x2d-~]{1,255}")


def idempotency_key(request: Request) -> str | None:
    """
    Read the client's key from Idempotency-Key, or from the older x-idempotency-key.

    :raises InvalidRequest: if it is not 1 to 255 visible ASCII characters, has a comma, or the two headers differ
    """
    # A value that is not ASCII arrives as "": granian hands it on like that. A key that cannot be read is not
    # the same as no key.
    sent = (request.META.get(name) for name in ("HTTP_IDEMPOTENCY_KEY", "HTTP_X_IDEMPOTENCY_KEY"))
    values = {_unquoted(value) for value in sent if value is not None}
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest("Idempotency-Key and x-idempotency-key differ; send one of them.")
    (key,) = values
    if not _KEY.fullmatch(key):
        raise InvalidRequest("The idempotency key must be 1 to 255 visible ASCII characters, none a comma.")
    return key


def required_idempotency_key(request: Request) -> str:
    """
    Read the client's key.

    :raises IdempotencyKeyRequired: if there is none
    :raises InvalidRequest: if it is malformed
    """
    key = idempotency_key(request)
    if key is None:
        raise IdempotencyKeyRequired
    return key


def prefers_async(request: Request) -> bool:
    """Tell whether the client would rather have a 202 than a 503 (RFC 7240)."""
    preferences = request.META.get("HTTP_PREFER", "").split(",")
    return any(preference.split(";")[0].strip().lower() == "respond-async" for preference in preferences)


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
