"""
Three chains of middleware: that of the API, that of gateways' notices, and that of pages, which need sessions, forms
and log-in.

The framework knows one list. Its first member sends a request of the other two on through a chain of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from bookingsite.web.refusals import WEBHOOKS, is_api, is_below

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# What the framework asks of the members of its own list alone.
HOOKS = ("process_view", "process_template_response", "process_exception")


class ByAddress:
    """Lets a request to the API pass API_MIDDLEWARE, a notice WEBHOOK_MIDDLEWARE, and any other what stands behind."""

    def __init__(self, get_response: GetResponse) -> None:
        self._page = get_response
        self._api = _Chain(settings.API_MIDDLEWARE).answer
        self._notice = _Chain(settings.WEBHOOK_MIDDLEWARE).answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request):
            return self._api(request)
        return self._notice(request) if is_below(WEBHOOKS, request.path_info) else self._page(request)


class _Chain(BaseHandler):
    """The views, behind the members of a list: built as the framework builds its own chain."""

    _view_middleware = _template_response_middleware = _exception_middleware = ()

    def __init__(self, members: Sequence[str]) -> None:
        """
        Build the chain.

        :raises ImproperlyConfigured: if a member has a hook that is not called here
        """
        answer: Any = convert_exception_to_response(self._view)
        for name in reversed(members):
            member = import_string(name)(answer)
            if any(hasattr(member, hook) for hook in HOOKS):
                raise ImproperlyConfigured(f"{name}: outside of MIDDLEWARE only __call__ is called")
            answer = convert_exception_to_response(member)
        self.answer: GetResponse = answer
        self._found: dict[str, ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Find the view. Addresses without a name of anything in them are few, and found once each."""
        match = self._found.get(request.path_info)
        if match is None:
            match = get_resolver().resolve(request.path_info)
            if not match.kwargs:
                self._found[request.path_info] = match
        request.resolver_match = match
        return match

    def _view(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self._get_response(request)  # type: ignore[attr-defined]  # not in the stubs
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        return response
