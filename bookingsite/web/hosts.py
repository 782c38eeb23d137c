"""Which host names the service answers to: its own, and any for probes."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware

from bookingsite.web.api_requests import FOLLOWED_SAFELY

# Asked by the address of a container or a machine, as a kubelet does, or by HTTP/1.0 without any name. Their
# responses contain no host name and no link, so a forged name changes nothing.
PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})


class OwnHost:
    """
    Refuses a request for a host that is not in ALLOWED_HOSTS, before anything answers it.

    The framework looks late: a static file or a preflight would have been answered by then.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PROBES:
            request.get_host()
        return self.get_response(request)


class CommonForHosts(CommonMiddleware):
    """The framework's own, which checks the host again, except for probes: see OwnHost. It redirects no write."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in PROBES else super().process_request(request)

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Redirect only reads to the address with a slash: a client would repeat a write as a GET."""
        return request.method in FOLLOWED_SAFELY and super().should_redirect_with_slash(request)
