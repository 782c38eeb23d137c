"""Reads request bodies: small, shallow, and exactly JSON."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from bookings.text.nesting import is_deeper_than

DEEPEST_NESTING = 20

# What JSON is written in, by the names that clients give it; ASCII is a part of it.
UTF_8 = {"utf-8", "utf8", "us-ascii"}
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]*)', re.IGNORECASE)


class BodyTooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is larger than 64 KiB."
    default_code = "body_too_large"


class UnknownCoding(UnsupportedMediaType):
    """What `Accept-Encoding` in the answer says is what the body may be sent as."""

    headers = {"Accept-Encoding": "identity"}

    def __init__(self) -> None:
        APIException.__init__(self, "Send the body as it is, without Content-Encoding.")


class UnknownCharset(UnsupportedMediaType):
    def __init__(self) -> None:
        APIException.__init__(self, "JSON is sent as UTF-8; leave the charset away.")


class StrictJSONParser(BaseParser):
    """
    JSON as RFC 8259 says: UTF-8, no NaN, no name twice in one object, at most 64 KiB and 20 levels.

    The size is judged on Content-Length before anything is read. What says to be compressed, or to be in another
    charset, is not read.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        _refuse_unreadable(media_type or "", (parser_context or {})["request"].META.get("HTTP_CONTENT_ENCODING", ""))
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        content = stream.read(limit + 1)
        if len(content) > limit:
            raise BodyTooLarge
        if is_deeper_than(DEEPEST_NESTING, content):
            raise ParseError(f"The body is nested deeper than {DEEPEST_NESTING} levels.")
        try:
            value = _JSON.decode(content.decode("utf-8"))
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {_reason(error)}.") from error
        if b"\\u" in content and not _can_be_written(value):
            raise ParseError("The body is not valid JSON: half of a surrogate pair is no character.")
        return value


def _refuse_unreadable(media_type: str, codings: str) -> None:
    if {coding.strip().lower() for coding in codings.split(",")} - {"", "identity"}:
        raise UnknownCoding
    if any(charset.lower() not in UTF_8 for charset in _CHARSET.findall(media_type)):
        raise UnknownCharset


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same name twice")
    return value


# Made once: `json.loads` would make one for each body.
_JSON = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_no_name_twice)


def _can_be_written(value: Any) -> bool:
    """An escape may name half a character, which neither an answer nor the database can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: Exception) -> str:
    """Say where it went wrong, without repeating what was sent."""
    if isinstance(error, json.JSONDecodeError):
        if error.doc.startswith("\ufeff"):
            return "it begins with a byte order mark"
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return "a number is too long" if "digits" in str(error) else str(error)
