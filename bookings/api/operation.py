"""What the OpenAPI document tells people of one endpoint: its shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from bookings import errors


def if_match(description: str) -> OpenApiParameter:
    """Describe the header that names what the client has seen."""
    tags = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-+\x2d-~]*"( *, *(W/)?"[!#-+\x2d-~]*")*)$'}
    return OpenApiParameter("If-Match", tags, OpenApiParameter.HEADER, description=description)


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: its message, the name of its data's schema, an example of the data, and headers of its own."""

    message: str
    schema: str
    data: Mapping[str, Any]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    operation_id: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    parameters: tuple[Any, ...] = ()
    request: type[serializers.Serializer[Any]] | None = None
    example: Mapping[str, Any] | None = None
    refusals: tuple[type[errors.BookingError], ...] = ()
