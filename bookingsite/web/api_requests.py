"""What a request under /api or /webhooks must be before anything looks at what it asks for: encrypted, and clear."""

import re
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from bookingsite.web.refusals import Refusal, answer

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# A read may be redirected to https://: the client repeats it as the same request.
FOLLOWED_SAFELY = ("GET", "HEAD")

# Note [A header that came twice]
# A server joins a header that came twice into one, with a comma between the values: this one does, and any proxy
# may. A client that sends its key twice (the caller and an interceptor each add it, say) would have its first try
# under "a" and another under "a,a": two bookings. So where one value is expected, a comma is refused; no value of
# these headers needs one. Not in this list: X-Request-ID, which is replaced unless it is sane, as proxies add
# theirs; traceparent, of which W3C says that one that cannot be read is as none; Host, which is compared with
# ALLOWED_HOSTS; and Prefer, Accept, Content-Encoding and X-Forwarded-*, which are lists.
SENT_ONCE = ("Idempotency-Key", "x-idempotency-key", "Origin")
_IN_WSGI = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in SENT_ONCE}

# WSGI has these two under names of their own, so what is here came with an underscore in its name. Of others that
# cannot be recognized: the proxy in front must drop such names, see docs/security.md.
UNDERSCORED = {"HTTP_CONTENT_TYPE": "Content_Type", "HTTP_CONTENT_LENGTH": "Content_Length"}

# To its end, or to the end of the header: so each character is looked at once.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"?')
# Behind a comma in Authorization: a scheme, and what belongs to it. Other schemes than ours have parameters there,
# and a token with a comma in it is none.
_SECOND_CREDENTIALS = re.compile(r",\s*[A-Za-z][\w.-]* +[^\s,=]")
_LENGTH = re.compile(r"[0-9]{1,1000}")


class OnlyEncrypted:
    """
    Refuses what is sent to the API, or as a notice, without TLS, where TLS is asked for.

    The framework redirects reads to https://. A client would mistake the response to anything else for success: it
    follows a 301 to a POST with a GET. And a token that may have been read on the way must not be used further.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_read = request.method in FOLLOWED_SAFELY
        if not settings.SECURE_SSL_REDIRECT or is_read or request.is_secure():
            return self.get_response(request)
        return _refused(
            request,
            403,
            "https_required",
            "Use https:// for this address. Nothing was done; a token that came with it could be read on the way.",
        )


class HeadersOnce:
    """Refuses a request whose headers say two things where one is meant. See Note [A header that came twice]."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        wrong = _wrong_header(request)
        return _refused(request, 400, "invalid_request", wrong) if wrong else self.get_response(request)


class SlashOrNone:
    """
    Lets each address answer with a slash at its end too, exactly as without.

    There is no redirect: a client would follow it with a GET. Two slashes are no address.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.endswith("/"):
            request.path_info, request.path = request.path_info[:-1], request.path[:-1]
        return self.get_response(request)


def _wrong_header(request: HttpRequest) -> str | None:
    """Name the header that is ambiguous; None if all are clear."""
    sent = request.META
    twice = next((name for name, place in _IN_WSGI.items() if "," in sent.get(place, "")), None)
    if twice:
        return f"{twice} was sent twice, or has a comma in it. Send it once, and without a comma."
    if "," in _QUOTED.sub("", sent.get("CONTENT_TYPE", "")):
        return "Content-Type was sent twice. Send it once."
    if _SECOND_CREDENTIALS.search(sent.get("HTTP_AUTHORIZATION", "")):
        return "Authorization was sent twice. Send it once."
    for name, spelling in UNDERSCORED.items():
        if name in sent:
            return f"{spelling} is the name of no header; send {spelling.replace('_', '-')}."
    is_a_length = _LENGTH.fullmatch(sent.get("CONTENT_LENGTH") or "0")
    return None if is_a_length else "Content-Length must be one whole number."


def _refused(request: HttpRequest, status: int, code: str, explanation: str) -> HttpResponse:
    return answer(request, Refusal(HTTPStatus(status), code, explanation))
