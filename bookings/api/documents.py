"""The OpenAPI document, and the page to try it."""

from functools import cache
from threading import Lock
from typing import Any

from django.http import HttpResponse, JsonResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from bookings.api.metadata import DocumentedElsewhere

_generating = Lock()


def openapi_document() -> bytes:
    """The document as JSON; it cannot change while the process runs."""
    # The generator is not made for threads: two that ask first and at once would fail.
    with _generating:
        return _document()


@cache
def _document() -> bytes:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # drf-spectacular's own
    schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # likewise
    document: bytes = OpenApiJsonRenderer().render(schema, renderer_context={})
    return document


@extend_schema(exclude=True)
class OpenApiView(APIView):
    """Serves the document to every client."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes: list[Any] = []

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(openapi_document(), content_type="application/json")


class DocsView(SpectacularSwaggerSplitView):
    """The page to try the API: its script and style are served from here."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes: list[Any] = []
    template_name = "api/docs.html"
    url_name = "openapi"

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer as every address does; the page's own form is HTML, which needs a template's name."""
        return JsonResponse(DocumentedElsewhere().determine_metadata(request, self))
