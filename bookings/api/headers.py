"""The request headers that the API understands."""

import re

from rest_framework.request import Request

from bookings.errors import IdempotencyKeyRequired, InvalidRequest

# Visible ASCII, optionally in the double quotes of a structured header; a comma would be between two keys.
_KEY = re.compile(r"[!-+\x2d-~]{1,255}")

# RFC 9110, without the comma within a tag, which ours have not.
_TAG = r'\s*(W/)?"[!#-+\x2d-~]*"\s*'
_TAGS = re.compile(f"{_TAG}(,{_TAG})*")
# What `rendering.tag_of` writes, and `webhook_views`.
_TAG_OF_A_BOOKING = re.compile(r'"(?P<id>[1-9][0-9]{0,18})\.(?P<version>[0-9]{1,10})"', re.ASCII)
_TAG_OF_AN_ENDPOINT = re.compile(r'"(?P<id>we_[0-9a-f]{32})\.(?P<version>[0-9]{1,10})"', re.ASCII)


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


Seen = frozenset[tuple[int, int]] | None
"""Bookings by their ids, each with a version of it that the client has seen; None if any will do."""


def seen_versions(request: Request, booking_id: int) -> frozenset[int] | None:
    """
    Read from If-Match the versions of a booking that the client has seen; None if any will do.

    :raises InvalidRequest: if it is neither `*` nor tags
    """
    return versions_of(booking_id, seen_bookings(request))


def versions_of(booking_id: int, seen: Seen) -> frozenset[int] | None:
    """Give the versions of one booking. A tag of another booking names no version of this one."""
    return None if seen is None else frozenset(version for seen_id, version in seen if seen_id == booking_id)


def seen_bookings(request: Request) -> Seen:
    """
    Read If-Match. A weak tag names no version of any booking.

    :raises InvalidRequest: if it is neither `*` nor tags
    """
    tags = _seen_tags(request, _TAG_OF_A_BOOKING, what="a booking")
    return None if tags is None else frozenset((int(tag["id"]), int(tag["version"])) for tag in tags)


def seen_versions_of_endpoint(request: Request, key: str) -> frozenset[int] | None:
    """
    Read from If-Match the versions of an endpoint that the client has seen; None if any will do.

    :raises InvalidRequest: if it is neither `*` nor tags
    """
    tags = _seen_tags(request, _TAG_OF_AN_ENDPOINT, what="an endpoint")
    return None if tags is None else frozenset(int(tag["version"]) for tag in tags if tag["id"] == key)


def _seen_tags(request: Request, ours: re.Pattern[str], *, what: str) -> list[re.Match[str]] | None:
    # Not `request.headers`, which is made of all headers when it is first asked for.
    sent = request.META.get("HTTP_IF_MATCH")
    if sent is None or sent.strip() == "*":
        return None
    if not _TAGS.fullmatch(sent):
        raise InvalidRequest(f"If-Match must be the ETag of {what}, with its quotes, or *.")
    return [tag for tag in (ours.fullmatch(tag.strip()) for tag in sent.split(",")) if tag]


def prefers_async(request: Request) -> bool:
    """Tell whether the client would rather have a 202 than a 503 (RFC 7240)."""
    preferences = request.META.get("HTTP_PREFER", "").split(",")
    return any(preference.split(";")[0].strip().lower() == "respond-async" for preference in preferences)


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
