"""
Bookings as the API shows them, read with SQL that is made once for each kind of question.

Django makes the text of a query each time it is asked, and an object of each row: more than half of what a read
cost. Here it makes the text at the first question with these filters in this order, and later ones bring their values
alone. What is read are values: nothing can be written through them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from django.db import connections, router
from django.db.models import CharField, Q
from django.db.models.functions import Abs
from django.db.models.lookups import Exact

from bookings.models import Booking

# What Django gives as a value to every database. Beyond it the text of a query depends on the value.
HIGHEST_INTEGER = 2**63 - 1


@CharField.register_lookup
class Exactly(Exact):
    """Equal to the byte: to most collations each emoji equals every other. No index has it, so ask `exact` as well."""

    lookup_name = "exactly"

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"= {rhs}"

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        sql, values = self.as_sql(compiler, connection)
        return f"BINARY {sql}", values


class ShownBooking(NamedTuple):
    """The columns of a booking that clients see, as they were at `read_at`, the database time of the statement."""

    id: int
    reference: str
    flight_id: int
    user_id: int
    status: str
    no_of_seats: int
    seat_numbers: str
    wanted_seats: str
    seat_price: int
    total_cost: int
    currency: str
    cancel_reason: str
    flight_number: str
    departure_airport: str
    arrival_airport: str
    client_reference: str
    metadata: str
    replaces_id: int | None
    payment_state: str
    active_payment_id: int | None
    refund_amount: int
    version: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None
    payment_at: datetime | None
    refund_at: datetime | None
    departure_at: datetime | None
    arrival_at: datetime | None
    read_at: datetime


MOMENTS = ShownBooking._fields.index("created_at")
"""From it on there are only moments."""

SORTED = {"id": Abs("pk").asc(), "-id": Abs("pk").desc()}
"""An expression has no index's order, and this one no value of its own."""

# Filters combine in thousands of ways, 4 KB each. Clients use some dozens, unless one tries them all.
MOST_TEXTS = 500

_texts: dict[tuple[Any, ...], str] = {}
"""The SQL by the kind of question. All names in a kind come from the code."""


@dataclass(frozen=True, slots=True)
class Question:
    """
    Which bookings, in which order: as much of Django's query set as a list needs. A slice of it asks the database.

    It knows comparisons of columns with values, joined by AND and OR, and no other table. `is_sorted`: what is ordered
    by id is sorted by it, as in Note [Sorted on purpose].
    """

    conditions: tuple[Q, ...] = ()
    order: tuple[str, ...] = ()
    is_sorted: bool = False

    def filter(self, *conditions: Q, **columns: Any) -> Self:
        more = (*conditions, *(Q(column) for column in columns.items()))
        return replace(self, conditions=(*self.conditions, *more))

    def order_by(self, *names: str) -> Self:
        return replace(self, order=names)

    def __getitem__(self, places: slice) -> list[ShownBooking]:
        alias = router.db_for_read(Booking)
        compared = [each for condition in self.conditions for each in _comparisons(condition)]
        values = [_value(name, value) for name, value in compared]
        if any(isinstance(value, int) and value > HIGHEST_INTEGER for value in values):
            return [ShownBooking._make(row) for row in self._query(alias)[places]]
        start = places.start or 0
        connection = connections[alias]
        with connection.cursor() as cursor:
            stored = [
                _field(name).get_db_prep_value(value, connection, prepared=True)
                for (name, _), value in zip(compared, values, strict=True)
            ]
            cursor.execute(self._text(alias, stored), [*stored, places.stop - start, start])
            return [ShownBooking(*row[:MOMENTS], *map(_utc, row[MOMENTS:])) for row in cursor.fetchall()]

    def _query(self, alias: str) -> Any:
        order = [SORTED.get(name, name) if self.is_sorted else name for name in self.order]
        rows = Booking.objects.using(alias).with_database_time().filter(*self.conditions).order_by(*order)
        return rows.values_list(*ShownBooking._fields)

    def _text(self, alias: str, stored: list[Any]) -> str:
        kind = (connections[alias].vendor, self.is_sorted, self.order, *map(_kind, self.conditions))
        text = _texts.get(kind)
        if text is None:
            statement, values = self._query(alias).query.get_compiler(using=alias).as_sql()
            if list(values) != stored:
                raise AssertionError(f"the values of {kind} do not stand in the order of its conditions")
            if len(_texts) >= MOST_TEXTS:
                _texts.clear()
            text = _texts[kind] = f"{statement} LIMIT %s OFFSET %s"
        return text


def _comparisons(condition: Q) -> Iterator[tuple[str, Any]]:
    """Give each column with its lookup, and its value, in the order of the text."""
    children: list[Any] = condition.children
    for child in children:
        if isinstance(child, Q):
            yield from _comparisons(child)
        else:
            yield child


def _kind(condition: Q) -> tuple[Any, ...]:
    children: list[Any] = condition.children
    parts = (_kind(child) if isinstance(child, Q) else child[0] for child in children)
    return (condition.connector, condition.negated, *parts)


def _field(name: str) -> Any:
    column = name.partition("__")[0]
    return Booking._meta.pk if column == "pk" else Booking._meta.get_field(column)


def _value(name: str, value: Any) -> Any:
    return _field(name).get_prep_value(value)


def _utc(moment: datetime | str | None) -> Any:
    """A moment, if there is one, as either database gives it: both keep UTC."""
    if moment is None:
        return None
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).replace(tzinfo=UTC)
