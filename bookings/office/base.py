"""What the pages of the back office share."""

import uuid
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise, cached_property
from django.utils.text import capfirst

from bookings.actor import Actor, ActorKind
from bookings.queries.bookings.page import BookingPage, booking_page
from bookings.text.ids import id_in

if TYPE_CHECKING:  # generic for the type checker alone
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    AnyModelAdmin = admin.ModelAdmin
    AnyPaginator = Paginator


class MissingRight(PermissionDenied):
    """A user asked for what its rights do not cover; `right` is the permission, as `app.codename`."""

    def __init__(self, right: str) -> None:
        self.right = right
        super().__init__(right)


class Column(Protocol):
    """What shows one value of a row, with a heading."""

    short_description: str | Promise

    def __call__(self, record: Any, /) -> Any: ...


def _plain(value: Any) -> Any:
    return "" if value is None else value


class BoundedPaginator(AnyPaginator):
    """Counts no further than a person turns pages: to count a million rows takes longer than to show a page."""

    MOST_ROWS = 10_000

    @cached_property
    def count(self) -> int:
        rows = cast(QuerySet[Any], self.object_list)
        return rows.order_by()[: self.MOST_ROWS].count()


class OnIndexPaginator(BoundedPaginator):
    """
    Finds the rows of a page on an index alone, then reads just them.

    For an order that is an index other than the primary key: asked for whole rows, MariaDB sorts all that there are.
    """

    def page(self, number: int | str) -> Page[Any]:
        page = super().page(number)
        rows = cast(QuerySet[Any], self.object_list)
        ids = list(cast(QuerySet[Any], page.object_list).values_list("pk", flat=True))
        page.object_list = sorted(rows.order_by().filter(pk__in=ids), key=lambda row: ids.index(row.pk))
        return page


class ReadOnlyAdmin(AnyModelAdmin):
    """
    Shows rows, to superusers as well: what changes a booking is a service, not a form.

    A list has filters that an index serves, and no search of its own: the box on every page finds more.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    # They would count the whole table for each choice of each filter.
    show_facets = admin.ShowFacets.NEVER
    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list under the name of what is in it; there is nothing to select."""
        named = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**named, **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordAdmin(ReadOnlyAdmin):
    """
    Rows of one table as a list, and one of them as a list of facts: the columns of the list, and `more`.

    `shortened` are those columns of the list of which `more` has the whole. `found` gives the ids of rows that staff
    may mean by what they typed.
    """

    more: Sequence[Column] = ()
    shortened: Sequence[Column] = ()
    found: Callable[[str], Collection[int]] | None = None
    record_template = "admin/bookings/record.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one row. The name of the address is Django's; nothing is changed here."""
        if request.method == "POST":  # what Django's own page would take for a change
            raise MissingRight(f"{self.opts.app_label}.change_{self.opts.model_name}")
        if not self.has_view_permission(request):
            raise MissingRight(f"{self.opts.app_label}.view_{self.opts.model_name}")
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        listed = [each for each in self.list_display if each not in self.shortened]
        columns = cast(Sequence[Column], [*listed, *self.more])
        facts = [(column.short_description, column(record)) for column in columns]
        context = {**self.admin_site.each_context(request), "opts": self.opts, "record": record, "facts": facts}
        context.update(title=self.title_of(record), **self.beside(request, record), **(extra_context or {}))
        return TemplateResponse(request, self.record_template, context)

    def beside(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Give what the template of one row shows beside its facts."""
        return {}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look up what was typed by unique keys and indexes, as `found` does; Django would look into every row."""
        if self.found is None:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
            return found
        typed = search_term.strip()
        return queryset.filter(pk__in=self.found(typed)) if typed else queryset, False

    def title_of(self, record: Any) -> str:
        """What a person calls the row."""
        return str(record)


def column(name: str, label: str | Promise, shown: Callable[[Any], Any] = _plain) -> Column:
    """A column of a list, by the field it shows and sorts by. `label` can be translated, a field's name cannot."""

    def value(record: Any) -> Any:
        return shown(getattr(record, name))

    value.__name__ = name
    value.short_description = label  # type: ignore[attr-defined]  # as Django's own decorator does
    value.admin_order_field = name  # type: ignore[attr-defined]  # likewise
    return cast(Column, value)


def require(request: HttpRequest, right: str) -> None:
    """
    Let only users with this right go on.

    :raises MissingRight: for all others; the site answers with a page that names the right, and logs it
    """
    if not request.user.has_perm(right):
        raise MissingRight(right)


def staff_of(request: HttpRequest) -> Actor:
    """The member of staff who asks, as services and events name it."""
    return Actor(
        kind=ActorKind.STAFF,
        name=request.user.get_username(),
        request_id=request.request_id,  # type: ignore[attr-defined]  # set by RequestContext
    )


def new_action_key() -> str:
    """A key for one action: it goes into the form, and works once."""
    return uuid.uuid4().hex


def page_named(object_id: str) -> BookingPage:
    """Read the booking that an address names, for its page; Http404 if there is none."""
    number = id_in(unquote(object_id))
    page = None if number is None else booking_page(number)
    if page is None:
        raise Http404
    return page
