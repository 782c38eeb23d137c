"""
Writes and locks rows with SQL that is made once, for what a create, a payment and a cancellation say each time.

Django makes the SQL of a statement each time it is said. Here its text is kept; it comes from the model's own
fields, so that a new column is in it, and values go through the fields as Django's own do. It says what Django would
say, and a test compares the two. A row that is written later travels with the next statement, or with the COMMIT.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType, NoneType
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import Field, Model
from django.db.models.constants import OnConflict
from django.db.models.functions import Now

from bookings.db.clock import database_time
from bookings.db.packets import Answer, Statement, later, together

M = TypeVar("M", bound=Model)

Values = Mapping[str, Any]
"""Values of a row by the names of its fields."""

Names = tuple[str, ...]


# How an INSERT is told to give the key that the database has made, where it does not do so anyway.
RETURNING = {"postgresql": "RETURNING {}"}

# Of Django's own fields; what derives from one may do something else.
UNCHANGED: Mapping[type, tuple[type, ...]] = {
    models.CharField: (str, NoneType),
    models.TextField: (str, NoneType),
    models.BooleanField: (bool,),
    models.DateTimeField: (NoneType,),
    **dict.fromkeys(
        (models.BigIntegerField, models.PositiveIntegerField, models.PositiveSmallIntegerField), (int, NoneType)
    ),
}


def new(model: type[M], **columns: Any) -> M:
    """
    Make a row that is not written yet, by the names of its columns; the others have their fields' defaults.

    Django looks each default up again for each row.

    :raises TypeError: if there is no such column
    """
    defaults = _defaults(model)
    values = {**defaults, **columns}
    if len(values) != len(defaults):
        raise TypeError(f"{model._meta.db_table} has no column {[*values][len(defaults)]}")
    return model(*values.values())


def insert(row: Model) -> None:
    """Insert a new row, and give it its primary key."""
    (answer,) = together(insertion(row, tells_key=True))
    _inserted(row, answer)


def insert_later(row: Model, *, then: Callable[[], None] = lambda: None) -> None:
    """Insert a new row with the next statement; it has its primary key once that was sent, and `then` is called."""

    def finish(answer: Answer) -> None:
        _inserted(row, answer)
        then()

    later(*insertion(row, tells_key=True), then=finish)


def insert_many(rows: Sequence[Model], *, known_by: str) -> None:
    """
    Insert new rows of one model together, and give each its primary key. Assumes an open transaction.

    :param known_by: a unique column: MySQL tells no keys of many rows, and they are read by it
    """
    table = type(rows[0])._default_manager
    table.bulk_create(rows)
    if connection.features.can_return_rows_from_bulk_insert:
        return
    values = [getattr(row, known_by) for row in rows]
    keys = dict(table.filter(**{f"{known_by}__in": values}).values_list(known_by, "pk"))
    for row in rows:
        row.pk, row._state.adding = keys[getattr(row, known_by)], False


def insert_or_change(row: Model, names: Sequence[str]) -> None:
    """Insert a row, or write these columns of the one that has its primary key, by one statement."""
    key = row._meta.pk
    # MariaDB and MySQL take whatever key is in the way; these rows have no other.
    targets = [key.name] if connection.features.supports_update_conflicts_with_target else None
    type(row)._default_manager.bulk_create([row], update_conflicts=True, update_fields=names, unique_fields=targets)


def write_later(row: Model, names: Iterable[str]) -> None:
    """Write these columns of a row that this transaction has locked, or made, with the next statement."""
    later(*change(row, names))


def lock(model: type[M], pk: int) -> tuple[M | None, datetime]:
    """
    Lock a row and read it; None if it is not there. Read the database time once the lock is held, in the same packet.

    Assumes an open transaction. The row may be changed by `write_later` from here on.
    """
    answer = later(_lock_text(model), [pk])
    now = database_time()
    return next((_row(model, values) for values in answer.rows), None), now


def write_if(model: type[Model], pk: int, columns: Values, *, only_if: Values, tell: str) -> Any:
    """
    Write columns of a row if others have these values, and give what one of its columns is then, which must be known.

    None if the row is not so. Needs no transaction.
    """
    changed, read = together(update(model, columns, where={"pk": pk, **only_if}), (_tell_text(model, tell), [pk]))
    if not changed.count:
        return None
    ((value,),) = read.rows
    for conversion, column in _conversions(model)[tell]:
        value = conversion(value, column, connection)
    return value


def insertion(row: Model, *, or_leave: bool = False, tells_key: bool = False) -> Statement:
    """
    Give the statement that inserts a row. A value may be `Now()`, the time of the statement itself.

    `or_leave`: changes nothing where a row with its key is there already. `tells_key`: its answer has a row with the
    key, where the database does not tell it anyway.
    """
    if not row._state.adding:
        raise TypeError(f"this {row._meta.verbose_name} is written already")
    model, state = type(row), vars(row)
    values = {name: state[name] for name in _inserted_names(model, has_key=row.pk is not None)}
    text = _insert_text(model, tuple(values), _times(values), or_leave=or_leave, tells_key=tells_key)
    return text, _stored(model, values)


def change(row: Model, names: Iterable[str]) -> Statement:
    """Give the statement that writes these columns of a row."""
    return update(type(row), {name: getattr(row, name) for name in names}, where={"pk": row.pk})


def update(model: type[Model], columns: Values, *, where: Values, unless: Values = MappingProxyType({})) -> Statement:
    """Give the statement that writes columns where others have these values, and none of those in `unless`."""
    text = _update_text(model, tuple(columns), _times(columns), tuple(where), tuple(unless))
    return text, [*_stored(model, columns), *_stored(model, where), *_stored(model, unless)]


def _times(values: Values) -> frozenset[str]:
    return frozenset([name for name, value in values.items() if type(value) is Now])


def _stored(model: type[Model], values: Values) -> list[Any]:
    """Turn values into those of the library, as each field does it; the time of the statement is none."""
    fields, kinds, keeps_zones, stored = _fields(model), _kinds(model), connection.vendor == "postgresql", []
    for name, value in values.items():
        kind: Any = type(value)
        if _is_unchanged(kinds[name], kind):
            stored.append(value)
        elif kind is datetime and value.tzinfo is UTC and kinds[name] is models.DateTimeField:
            stored.append(str(value if keeps_zones else value.replace(tzinfo=None)))
        elif kind is not Now:
            stored.append(fields[name].get_db_prep_save(value, connections[DEFAULT_DB_ALIAS]))
    return stored


def _inserted(row: Model, answer: Answer) -> None:
    row.pk = answer.rows[0][0] if answer.rows else answer.last_id
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _row(model: type[M], values: Sequence[Any]) -> M:
    read, database = dict(zip(_conversions(model), values, strict=True)), connections[DEFAULT_DB_ALIAS]
    for name, conversion, column in _converted(model):
        read[name] = conversion(read[name], column, database)
    return model.from_db(DEFAULT_DB_ALIAS, list(read), list(read.values()))


# --- What is made once ----------------------------------------------------------------------------------


@functools.cache
def _fields(model: type[Model]) -> dict[str, "Field[Any, Any]"]:
    columns = model._meta.concrete_fields
    return {"pk": model._meta.pk, **{column.name: column for column in columns}, **{c.attname: c for c in columns}}


@functools.cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    """
    What each column of a new row is, in the order of the model's fields.

    :raises TypeError: if one of them differs from row to row
    """
    changing = [field.name for field in model._meta.concrete_fields if field.has_default() and callable(field.default)]
    if changing:
        raise TypeError(f"{model._meta.db_table} has defaults that are made for each row: {changing}")
    return {field.attname: field.get_default() for field in model._meta.concrete_fields}


@functools.cache
def _kinds(model: type[Model]) -> dict[str, Any]:
    return {name: type(field) for name, field in _fields(model).items()}


@functools.cache
def _is_unchanged(field: type[object], value: type[object]) -> bool:
    """Whether such a field stores such a value as it is. To ask it for each value was a twentieth of a create."""
    # A choice is text of a kind of its own.
    return value in UNCHANGED.get(field, ()) or (field is models.CharField and issubclass(value, str))


@functools.cache
def _inserted_names(model: type[Model], *, has_key: bool) -> list[str]:
    made = None if has_key else model._meta.auto_field
    return [column.attname for column in model._meta.local_concrete_fields if column is not made]


@functools.cache
def _insert_text(model: type[Model], names: Names, times: frozenset[str], *, or_leave: bool, tells_key: bool) -> str:
    now, conflict = _now_text(model), OnConflict.IGNORE if or_leave else None
    verb = connection.ops.insert_statement(conflict)
    end = connection.ops.on_conflict_suffix_sql([], conflict, [], [])
    if tells_key:
        end += RETURNING.get(connection.vendor, "").format(_column(model, "pk"))
    columns = ", ".join(_column(model, name) for name in names)
    places = ", ".join(now if name in times else "%s" for name in names)
    return f"{verb} {_quoted(model._meta.db_table)} ({columns}) VALUES ({places}) {end}".rstrip()  # nosec B608


@functools.cache
def _update_text(model: type[Model], names: Names, times: frozenset[str], where: Names, unless: Names) -> str:
    table, now = _quoted(model._meta.db_table), _now_text(model)
    changes = ", ".join(f"{_column(model, name)} = {now if name in times else '%s'}" for name in names)
    only = [f"{table}.{_column(model, name)} = %s" for name in where]
    never = [f"NOT ({table}.{_column(model, name)} = %s)" for name in unless]
    return f"UPDATE {table} SET {changes} WHERE {' AND '.join([*only, *never])}"  # noqa: S608  # nosec B608


@functools.cache
def _tell_text(model: type[Model], name: str) -> str:
    table, key = _quoted(model._meta.db_table), _column(model, "pk")
    return f"SELECT {_column(model, name)} FROM {table} WHERE {key} = %s"  # noqa: S608  # nosec B608


def _now_text(model: type[Model]) -> str:
    text, _ = model._default_manager.all().query.get_compiler(connection=connection).compile(Now())
    return str(text)


@functools.cache
def _lock_text(model: type[Model]) -> str:
    text, _ = model._default_manager.select_for_update().filter(pk=1).query.sql_with_params()
    return text


@functools.cache
def _conversions(model: type[Model]) -> dict[str, list[tuple[Callable[..., Any], Any]]]:
    """What Django makes of each value that it reads."""
    return {
        field.attname: [
            (_known(conversion), field.cached_col)
            for conversion in (
                *connection.ops.get_db_converters(field.cached_col),
                *field.cached_col.get_db_converters(connection),
            )
        ]
        for field in model._meta.concrete_fields
    }


def _known(conversion: Callable[..., Any]) -> Callable[..., Any]:
    """Spare the framework its looks at the time zone of a moment that it reads: both are known."""
    is_of_moments = getattr(conversion, "__name__", "") == "convert_datetimefield_value"
    return _in_utc if is_of_moments and connection.vendor == "mysql" and connection.timezone is UTC else conversion


def _in_utc(value: datetime | None, *_: object) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


@functools.cache
def _converted(model: type[Model]) -> list[tuple[str, Callable[..., Any], Any]]:
    return [(name, *each) for name, conversions in _conversions(model).items() for each in conversions]


def _column(model: type[Model], name: str) -> str:
    return _quoted(str(_fields(model)[name].column))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
