"""
Reads a request's body to its end before anything works on the request: bounded, and also where it has no length.

WSGI and the framework know bodies by Content-Length alone; one that comes in chunks would be taken for empty.
"""

from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from bookings.answers.rendering import BODY_TOO_SLOW
from bookingsite.web.refusals import REFUSAL, WEBHOOKS, Refusal, answer, is_below

# Stands beside a body that was read, so that it is read once.
READ = "bookings.body_was_read"

# What a payment gateway tells. Its largest events, with all that hangs on a charge, are below 100 KiB today.
LARGEST_NOTICE = 256 * 1024

# A body that is too large is read and thrown away up to here: a client that still sends when the connection ends
# loses the response.
LARGEST_DISCARDED = 1024 * 1024
_PIECE = 64 * 1024

_MALFORMED = (HTTPStatus.BAD_REQUEST, "invalid_request")
TWO_LENGTHS = Refusal(*_MALFORMED, "Send the body with Content-Length or in chunks, not with both.")
UNKNOWN_CODING = Refusal(*_MALFORMED, "Of all transfer encodings only `chunked` is read.")
TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, *BODY_TOO_SLOW, is_retryable=True)
NO_LENGTH = Refusal(*_MALFORMED, "Content-Length must be one whole number.")
CUT_SHORT = Refusal(*_MALFORMED, "The body ended too early, or came in chunks and was empty.")


def has_body(environ: dict[str, Any]) -> bool:
    """Tell whether a body was announced."""
    return "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH") not in (None, "", "0")


def largest_body(path: str) -> int:
    """Give how many bytes the body of a request to this address may have."""
    largest: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return LARGEST_NOTICE if is_below(WEBHOOKS, path) else largest


def read_body(environ: dict[str, Any]) -> Refusal | None:
    """Read the body and put it, with its length, where the framework looks; or give the reason to refuse it."""
    if not has_body(environ) or READ in environ:
        return None
    largest = largest_body(environ.get("PATH_INFO", ""))
    length = environ.get("CONTENT_LENGTH") or ""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None and length:
        return TWO_LENGTHS
    if coding is not None and (coding.strip().lower() != "chunked" or is_development_server(environ)):
        return UNKNOWN_CODING
    if coding is None and not _is_length(length):
        return NO_LENGTH
    announced = int(length or "0")
    if coding is None and announced > largest:
        return _too_large(largest)
    content = _read(environ["wsgi.input"], largest + 1 if coding is not None else announced)
    if len(content) > largest:
        return _too_large(largest)
    # A broken connection gives nothing, and so does an empty body in chunks: it is not known which this is.
    if not content or (coding is None and len(content) < announced):
        return CUT_SHORT
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ.update({"CONTENT_LENGTH": str(len(content)), "wsgi.input": BytesIO(content), READ: True})
    return None


class WholeBodies:
    """
    Answers requests that the lanes have refused, and reads bodies where there are no lanes.

    A response to a request whose body was not read ends its connection: the rest of the body would look like the
    next request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal: Refusal | None = request.META.get(REFUSAL)
        if refusal is None and has_body(request.META) and READ not in request.META:
            refusal = read_body(request.META)
            # The framework has bounded it by the length that it did not have.
            request._stream = request.META["wsgi.input"]
        response = self.get_response(request) if refusal is None else answer(request, refusal)
        is_unread = has_body(request.META) and READ not in request.META
        if is_unread and not is_development_server(request.META):
            response["Connection"] = "close"
        return response


def is_development_server(environ: dict[str, Any]) -> bool:
    """Tell whether this is `runserver`, which knows no chunks, and refuses the header Connection."""
    return str(environ.get("SERVER_SOFTWARE", "")).startswith("WSGIServer")


def _too_large(largest: int) -> Refusal:
    said = f"The body is larger than {largest // 1024} KiB."
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", said)


def _is_length(text: str) -> bool:
    """Tell whether this is the length of a body; no length has twenty digits."""
    return text.isascii() and text.isdigit() and len(text) < 20


def _read(stream: IO[bytes], most: int) -> bytes:
    """Read to the end, or `most` bytes; a stream may give less at once than it was asked for."""
    pieces, left = [], most
    while left and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def discard(environ: dict[str, Any]) -> None:
    """Read and throw away a refused body that is on its way; with Expect the client has not sent it yet."""
    length = environ.get("CONTENT_LENGTH") or "0"
    is_hopeless = not _is_length(length) or int(length) > LARGEST_DISCARDED
    left = 0 if is_hopeless or "HTTP_EXPECT" in environ else LARGEST_DISCARDED
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, _PIECE))):
        left -= len(piece)
