"""What OPTIONS answers."""

from typing import TYPE_CHECKING, Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request

if TYPE_CHECKING:  # the framework's views import this module
    from rest_framework.views import APIView


class DocumentedElsewhere(BaseMetadata):
    """The envelope, and no more: the methods are in the Allow header, the rest in the OpenAPI document."""

    def determine_metadata(self, request: Request, view: "APIView") -> dict[str, Any]:
        return {"success": True, "message": "See /api/v1/openapi.json", "data": {}, "error": {}}
