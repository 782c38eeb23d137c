"""What the pages of the back office have in common."""

import uuid
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from bookings.actor import Actor, ActorKind

if TYPE_CHECKING:  # generic for the type checker alone
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    AnyModelAdmin = admin.ModelAdmin
    AnyPaginator = Paginator


class MissingRight(PermissionDenied):
    """Somebody asked for what its rights do not cover; `right` is the permission, as `app.codename`."""

    def __init__(self, right: str) -> None:
        self.right = right
        super().__init__(right)


class BoundedPaginator(AnyPaginator):
    """Counts no further than a person turns pages: to count a million rows takes longer than to show a page."""

    MOST_ROWS = 10_000

    @cached_property
    def count(self) -> int:
        rows = cast(QuerySet[Any], self.object_list)
        return rows.order_by()[: self.MOST_ROWS].count()


class ReadOnlyAdmin(AnyModelAdmin):
    """
    Shows rows, to superusers as well: what changes a booking is a service, not a form.

    A list has filters that an index serves, and no search of its own: the box on every page finds more.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def require(request: HttpRequest, right: str) -> None:
    """
    Let only who has this right go on.

    :raises MissingRight: for everybody else; the site answers with a page that names the right, and logs it
    """
    if not request.user.has_perm(right):
        raise MissingRight(right)


def staff_of(request: HttpRequest) -> Actor:
    """The person at the desk, as services and events name it."""
    return Actor(
        kind=ActorKind.STAFF,
        name=request.user.get_username(),
        request_id=request.request_id,  # type: ignore[attr-defined]  # set by RequestContext
    )


def new_action_key() -> str:
    """A key for one thing that is about to be done: it goes into the form, and works once."""
    return uuid.uuid4().hex
