"""
What the address of a list may say.

Parameters that are not understood are refused, never left out: without them a page would show, export or cancel
other rows than were meant. Filters that a page does not offer are refused too: a filter on a hidden column would tell
its value by the rows that remain.
"""

import copy
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

from django.contrib.admin import FieldListFilter, ShowFacets
from django.contrib.admin.options import (
    IS_FACETS_VAR,
    IS_POPUP_VAR,
    TO_FIELD_VAR,
    IncorrectLookupParameters,
)
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import Field
from django.http import HttpRequest, HttpResponse

from bookings.lifecycle import BookingStatus, CancelReason
from bookings.office.base import AnyModelAdmin
from bookings.queries.bookings.selection import VIEWS, Selection
from bookings.text.flight_numbers import is_flight_number
from bookings.text.ids import id_in

if TYPE_CHECKING:  # generic for the type checker alone
    AnyPaginator = Paginator[Any]
    AnyPage = Page[Any]
else:
    AnyPaginator, AnyPage = Paginator, Page

FILTERS = ("flight", "user", "status", "reason", "view", "from", "to", "owner")
"""Of a list of bookings, as addresses spell them."""

PLACES = ("older", "newer")
"""Of a page of bookings that is not the first: the booking beside it."""

# Python reads other spellings as well, such as weeks.
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# The names of users, as Django has them.
OWNER = re.compile(r"[\w.@+-]{1,150}")

# Columns by their place, first the one that counts most: `2.-1`. Empty once a person has taken the last away.
ORDER = re.compile(r"-?[0-9]{1,3}(\.-?[0-9]{1,3})*|")

# What Django's own pages write into their addresses.
SPELLED = {ALL_VAR: "", IS_FACETS_VAR: "True", IS_POPUP_VAR: "1"}


class NotUnderstood(Exception):
    """An address has a parameter that the page does not know, or a value that it cannot read."""

    def __init__(self, names: Iterable[str], *, back: str = "") -> None:
        """
        Name the parameters.

        :param back: the page to go on from; without one, the same page without parameters
        """
        self.names = list(names)
        self.back = back
        super().__init__("an address is not understood")


def only(request: HttpRequest, *names: str, back: str = "") -> None:
    """
    Let an address pass that has these parameters, or fewer, each once.

    :raises NotUnderstood: for any other
    """
    wrong = [name for name, values in request.GET.lists() if name not in names or len(values) > 1]
    if wrong:
        raise NotUnderstood(wrong, back=back)


def selection_in(query: Mapping[str, str], *, back: str = "") -> Selection:
    """
    Read the filters of a query, empty ones as none; other parameters are none of these.

    :raises NotUnderstood: if one cannot be read
    """
    read, wrong = reader_of(query)
    flight = read("flight", _flight)
    selection = Selection(
        flight=flight if isinstance(flight, int) else None,
        flight_number=flight if isinstance(flight, str) else "",
        user=read("user", id_in),
        status=read("status", one_of(BookingStatus.values)) or "",
        reason=read("reason", one_of(CancelReason.values)) or "",
        view=read("view", one_of(VIEWS)) or "",
        since=read("from", day_in),
        until=read("to", day_in),
        owner=read("owner", lambda text: text if OWNER.fullmatch(text) else None) or "",
    )
    if wrong:
        raise NotUnderstood(wrong, back=back)
    return selection


def reader_of(query: Mapping[str, str]) -> tuple[Callable[[str, Callable[[str], object]], Any], list[str]]:
    """
    Give what reads one parameter by its name and its meaning, and the names of those that could not be read.

    An empty one is None, and so is one whose meaning is None; the latter is then among the names.
    """
    wrong: list[str] = []

    def read(name: str, meaning: Callable[[str], object]) -> Any:
        text = query.get(name, "").strip()
        value = meaning(text) if text else None
        if text and value is None:
            wrong.append(name)
        return value

    return read, wrong


def filters_of(selection: Selection) -> dict[str, str]:
    """The filters that are set, by the names and in the spelling of an address."""
    values = {
        "view": selection.view,
        "status": selection.status,
        "reason": selection.reason,
        "flight": selection.flight_number or selection.flight,
        "user": selection.user,
        "from": selection.since,
        "to": selection.until,
        "owner": selection.owner,
    }
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def query_string_of(selection: Selection) -> str:
    """The filters as an address spells them; empty without any."""
    return urlencode(filters_of(selection))


def _flight(text: str) -> int | str | None:
    """Read the id of a flight, or else what people call it."""
    number = id_in(text)
    if number is not None:
        return number
    return text if is_flight_number(text) else None


def one_of(words: Collection[str]) -> Callable[[str], str | None]:
    """A meaning: one of these words."""
    return lambda text: text if text in words else None


def day_in(text: str) -> date | None:
    """A meaning: a day as ISO 8601 has it."""
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None


def selection_of(request: HttpRequest, *also: str, back: str = "") -> Selection:
    """
    Read the filters of an address that has these parameters, and no others than `also`.

    :raises NotUnderstood: if it has, or if a filter cannot be read
    """
    only(request, *FILTERS, *also, back=back)
    return selection_in(request.GET, back=back)


def selection_by_id(request: HttpRequest, *also: str, back: str = "") -> Selection:
    """
    The same where one flight is meant: by its id alone, as a number flies again tomorrow.

    :raises NotUnderstood: likewise, and if the flight is named by its number
    """
    selection = selection_of(request, *also, back=back)
    if selection.flight_number:
        raise NotUnderstood(["flight"], back=back)
    return selection


def numbers_of(request: HttpRequest, *names: str) -> dict[str, int]:
    """
    Read those of these parameters that are there, each the number of a row or a page.

    :raises NotUnderstood: where one is no number, or nothing at all
    """
    read = {name: id_in(request.GET[name]) for name in names if name in request.GET}
    wrong = [name for name, number in read.items() if number is None]
    if wrong:
        raise NotUnderstood(wrong)
    return cast(dict[str, int], read)


def place_in(request: HttpRequest) -> dict[str, int]:
    """
    Read where a page of bookings begins, as `page_of` takes it; the first page is nothing.

    :raises NotUnderstood: if that is no number, or if two places are named: a page has one end that it begins at
    """
    places = numbers_of(request, *PLACES)
    if len(places) > 1:
        raise NotUnderstood(PLACES)
    return {f"{name}_than": number for name, number in places.items()}


def page_at(request: HttpRequest, paginator: AnyPaginator) -> AnyPage:
    """
    Give the page that an address asks for as `page`; the first, if it names none.

    A form may be sent from a page that is not there any more: what it was sent for says so better.

    :raises NotUnderstood: if there is no such page
    """
    number = numbers_of(request, "page").get("page", 1)
    if request.method != "POST" and number > max(1, paginator.num_pages):
        raise NotUnderstood(["page"])
    return paginator.get_page(number)


class StrictChangeList(ChangeList):
    """Django's list, with filters and columns to sort by taken from what it offers, and no others."""

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        # As if nothing was chosen: each link of a filter carries the choices of the others.
        bare = copy.copy(self)
        bare.filter_params, bare.add_facets = {}, False
        offered = {
            pair
            for spec in found[0]
            for choice in spec.choices(bare)
            for pair in parse_qsl(str(choice["query_string"]).removeprefix("?"), keep_blank_values=True)
        }
        asked = {(name, value) for name, values in self.get_filters_params().items() for value in values}
        if asked - offered:
            raise NotUnderstood(sorted({name for name, _value in asked - offered}))
        return found

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        places = [int(place.removeprefix("-")) for place in self.params.get(ORDER_VAR, "").split(".") if place]
        if not all(place < len(self.list_display) and self._sorts(place) for place in places):
            raise NotUnderstood([ORDER_VAR])
        return super().get_ordering(request, queryset)

    def _sorts(self, place: int) -> bool:
        column = self.list_display[place]
        # A row's name sorts nothing, though Django's heading of it is a link.
        return column == "__str__" or bool(self.get_ordering_field(column))


class StrictLists(AnyModelAdmin):
    """
    What the site puts in front of every page of Django's and of ours; see `BackOffice.register`.

    Django itself filters by any column of the table, and leaves out what it cannot read.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether one of the filters beside the list asks this."""
        return lookup in self._names_of_filters(request or HttpRequest())

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Whether rows may be named by this column: by their key alone."""
        return to_field == self.opts.pk.name

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        self._check_address(request)
        try:
            shown = super().get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            is_page = isinstance(error.__context__, InvalidPage)
            filters = self._names_of_filters(request) & set(request.GET)
            raise NotUnderstood([PAGE_VAR] if is_page else sorted(filters)) from error
        if shown.page_num > max(1, shown.paginator.num_pages):
            raise NotUnderstood([PAGE_VAR])
        return shown

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().history_view(request, object_id, extra_context)
        only(request, PAGE_VAR)
        number = numbers_of(request, PAGE_VAR).get(PAGE_VAR, 1)
        context = getattr(answer, "context_data", None)
        if context is not None and number > context["action_list"].number:
            raise NotUnderstood([PAGE_VAR])
        return answer

    def _check_address(self, request: HttpRequest) -> None:
        """Compare the address with what the list itself would write into one."""
        filters = self._names_of_filters(request)
        names = {ORDER_VAR, PAGE_VAR, ALL_VAR, IS_POPUP_VAR, TO_FIELD_VAR, *filters}
        names |= {SEARCH_VAR} if self.get_search_fields(request) else set()
        names |= {IS_FACETS_VAR} if filters and self.show_facets is ShowFacets.ALLOW else set()
        only(request, *names)
        numbers_of(request, PAGE_VAR)
        sent = request.GET.dict()
        wrong = [name for name, spelling in SPELLED.items() if sent.get(name, spelling) != spelling]
        if not ORDER.fullmatch(sent.get(ORDER_VAR, "")):
            wrong.append(ORDER_VAR)
        if "\x00" in sent.get(SEARCH_VAR, ""):  # for which Django searches for nothing, and shows everything
            wrong.append(SEARCH_VAR)
        if TO_FIELD_VAR in sent and not self.to_field_allowed(request, sent[TO_FIELD_VAR]):
            wrong.append(TO_FIELD_VAR)
        if wrong:
            raise NotUnderstood(wrong)

    def _names_of_filters(self, request: HttpRequest) -> set[str]:
        """The parameters that the filters beside the list ask by."""
        names: set[str] = set()
        for listed in self.get_list_filter(request):
            if isinstance(listed, type):
                names.add(cast(Any, listed).parameter_name)
                continue
            path, kind = listed if isinstance(listed, tuple | list) else (listed, FieldListFilter.create)
            field = path if isinstance(path, Field) else get_fields_from_path(self.model, str(path))[-1]
            spec = cast(Any, kind)(field, request, {}, self.model, self, field_path=path)
            names.update(spec.expected_parameters())
        return names
