"""Which pages of other origins may call the API in a browser: those of CORS_ALLOWED_ORIGINS, without cookies."""

from collections.abc import Callable
from urllib.parse import SplitResult

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

# Note [Who answers a preflight]
# A browser asks, without a token, before it sends a request with one. So the response comes before the caller is
# authenticated or counted, and costs little. Requests that are refused in any case (a foreign host, no TLS, headers
# that are too large) are refused before it. `Cors`, an outer middleware, writes its headers on every response, as a
# page must be able to read a refusal; `Preflights`, an inner one, answers.


class Cors(CorsMiddleware):
    """Tells browsers that pages of the named origins may read a response. Without any it does nothing."""

    def is_enabled(self, request: HttpRequest) -> bool:
        return bool(settings.CORS_ALLOWED_ORIGINS) and super().is_enabled(request)

    def origin_found_in_white_lists(self, origin: str, url: SplitResult) -> bool:
        """Compare as browsers do, to the letter: the framework's own comparison accepts a path."""
        return origin in settings.CORS_ALLOWED_ORIGINS

    def check_preflight(self, request: HttpRequest) -> None:
        """Leave that to `Preflights`. See Note [Who answers a preflight]."""

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        answer = super().add_response_headers(request, response)
        if "Access-Control-Allow-Origin" in answer.headers:
            # The two would contradict each other: SafeHeaders keeps every answer from other sites.
            answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer


class Preflights:
    """Answers preflights of the API where other origins may call it. Looks at no token and no table."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._cors = Cors(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        if is_preflight and self._cors.is_enabled(request):
            return HttpResponse(headers={"Content-Length": "0"})
        return self.get_response(request)
