"""
Two chains of middleware: that of the API, and that of pages, which need sessions, forms and log-in.

The framework knows one list. Its first member sends a request to the API on through a chain of its own.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from bookingsite.web.refusals import is_api

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# What the framework asks of the members of its own list alone.
HOOKS = ("process_view", "process_template_response", "process_exception")


class ByAddress:
    """Lets a request to the API pass API_MIDDLEWARE, and every other request what stands behind this one."""

    def __init__(self, get_response: GetResponse) -> None:
        self._page = get_response
        self._api = _ApiHandler().answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._api(request) if is_api(request) else self._page(request)


class _ApiHandler(BaseHandler):
    """The views, behind the members of API_MIDDLEWARE: built as the framework builds its own chain."""

    _view_middleware = _template_response_middleware = _exception_middleware = ()

    def __init__(self) -> None:
        """
        Build the chain.

        :raises ImproperlyConfigured: if a member has a hook that is not called here
        """
        answer: Any = convert_exception_to_response(self._view)
        for name in reversed(settings.API_MIDDLEWARE):
            member = import_string(name)(answer)
            if any(hasattr(member, hook) for hook in HOOKS):
                raise ImproperlyConfigured(f"{name}: of API_MIDDLEWARE only __call__ is called")
            answer = convert_exception_to_response(member)
        self.answer: GetResponse = answer

    def _view(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self._get_response(request)  # type: ignore[attr-defined]  # not in the stubs
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        return response
