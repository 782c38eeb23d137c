"""
What each endpoint asks of its caller: one table, and what enforces it for every endpoint.

An endpoint that is not in the table refuses every caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from django.conf import settings
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from bookings import wiring
from bookings.actor import Scope
from bookings.api.authentication import REALM, Caller
from bookings.conf import RATE_WINDOW_SECONDS

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from bookings.ports import Allowance


@dataclass(frozen=True, slots=True)
class Access:
    """The scope an endpoint asks for, and the setting that says how often a customer may call it in a minute."""

    scope: Scope
    limit: str
    # Who may name an address may have all bookings sent there: such a key must be good for reading them.
    also: Scope | None = None


ACCESS: Mapping[str, Access] = MappingProxyType(
    {
        "create": Access(Scope.BOOKINGS_WRITE, "CREATES_PER_MINUTE"),
        "list": Access(Scope.BOOKINGS_READ, "READS_PER_MINUTE"),
        "retrieve": Access(Scope.BOOKINGS_READ, "READS_PER_MINUTE"),
        "events": Access(Scope.BOOKINGS_READ, "READS_PER_MINUTE"),
        "money": Access(Scope.BOOKINGS_READ, "READS_PER_MINUTE"),
        "seat_map": Access(Scope.BOOKINGS_READ, "READS_PER_MINUTE"),
        # Each asks the Flight Service to change seats, as a create does.
        "change_seats": Access(Scope.BOOKINGS_WRITE, "CREATES_PER_MINUTE"),
        "pay": Access(Scope.PAYMENTS_WRITE, "PAYMENTS_PER_MINUTE"),
        "cancel": Access(Scope.BOOKINGS_WRITE, "CANCELS_PER_MINUTE"),
        "contact_change": Access(Scope.BOOKINGS_WRITE, "CANCELS_PER_MINUTE"),
        "contact_erase": Access(Scope.BOOKINGS_WRITE, "CANCELS_PER_MINUTE"),
        "contacts_erase": Access(Scope.CONTACTS_ERASE, "CANCELS_PER_MINUTE"),
        "feed": Access(Scope.WEBHOOKS_MANAGE, "READS_PER_MINUTE", also=Scope.BOOKINGS_READ),
        **{
            name: Access(Scope.WEBHOOKS_MANAGE, "READS_PER_MINUTE", also=Scope.BOOKINGS_READ)
            for name in (
                *("endpoint_make", "endpoint_list", "endpoint_read", "endpoint_change", "endpoint_retire"),
                *("endpoint_rotate", "endpoint_ping", "endpoint_replay"),
                *("delivery_list", "delivery_read", "delivery_again"),
            )
        },
    }
)

# What a viewset calls a method that it does not have, and OPTIONS: both answer every caller alike.
NOT_AN_ENDPOINT = (None, "metadata")


class ScopeMissing(PermissionDenied):
    """The caller is known, and may not do this."""

    status_code = HTTPStatus.FORBIDDEN

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This needs the scope {scope}.")
        self.challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'


class HasScope(BasePermission):
    """Refuses a caller without the scope of the endpoint, and every caller where the table has no line."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        endpoint = getattr(view, "action", None)
        if endpoint in NOT_AN_ENDPOINT:
            return True
        access = ACCESS.get(str(endpoint))
        if access is None:
            return False
        for scope in filter(None, (access.scope, access.also)):
            if scope not in caller_of(request).scopes:
                raise ScopeMissing(scope)
        return True


class WithinLimit(BaseThrottle):
    """Counts the request against its caller's limit for this endpoint; each endpoint has a count of its own."""

    def __init__(self) -> None:
        self._allowance: Allowance | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        endpoint = getattr(view, "action", None)
        access = ACCESS.get(str(endpoint))
        if access is None:
            return True
        who, limit = _counted_as(request, access)
        if not limit:
            return True
        limiter = wiring.rate_limiter()
        self._allowance = limiter.spend(f"{who} {endpoint}", limit=limit, seconds=RATE_WINDOW_SECONDS)
        # On the framework's request below: it outlives this one, and its answer gets the headers.
        request._request.allowance = self._allowance  # type: ignore[attr-defined]  # ours
        return self._allowance.passed

    def wait(self) -> float | None:
        return None if self._allowance is None else float(self._allowance.resets_in)


def caller_of(request: Request) -> Caller:
    return cast("Caller", request.user)


def _counted_as(request: Request, access: Access) -> tuple[str, int]:
    """Whose request this is to the limits, and how many of them there may be in a minute."""
    caller = caller_of(request)
    if caller.service:
        return caller.principal, caller.requests_per_minute or settings.SERVICE_REQUESTS_PER_MINUTE
    limit: int = getattr(settings, access.limit)
    if caller.user_id is not None:
        return caller.principal, limit
    # One principal for all: what they have of their own is an address.
    return f"address:{getattr(request._request, 'client_address', '')}", limit
