"""What is written and locked with SQL that is kept is what the ORM would write and lock."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import sql
from django.db.models.functions import Now

from bookings.db import rows
from bookings.db.clock import database_time
from bookings.db.rows import (
    change,
    insert,
    insert_later,
    insert_many,
    insertion,
    lock,
    new,
    update,
    write_if,
    write_later,
)
from bookings.models import Announcement, Booking, BookingEvent, IdempotencyRecord, Payment, SeatCall
from tests.support.bookings import a_call_row, a_payment_row, a_saved_row

pytestmark = pytest.mark.django_db(transaction=True)


def a_record() -> IdempotencyRecord:
    keys = {name: name for name in ("principal", "endpoint", "key_hash", "fingerprint")}
    return IdempotencyRecord.objects.create(**keys, call_key=uuid.uuid4(), created_at=database_time())


def an_event() -> BookingEvent:
    return BookingEvent.objects.create(
        booking=a_saved_row(),
        what="noted",
        actor_kind="staff",
        actor_name="ann",
        note="%s; \N{OVERLINE}",
        created_at=Now(),
    )


MAKERS = {
    Booking: a_saved_row,
    Payment: lambda: a_payment_row(a_saved_row("cancelled", hold="refused"), state="failed"),
    SeatCall: a_call_row,
    IdempotencyRecord: a_record,
    BookingEvent: an_event,
}
of_each = pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)


def columns_of(row) -> dict:
    return {column.attname: getattr(row, column.attname) for column in row._meta.concrete_fields}


def said_by_the_orm(query: sql.Query) -> tuple[str, list]:
    said = query.get_compiler(connection=connection).as_sql()
    ((text, values),) = said if isinstance(said, list) else [said]
    # PostgreSQL's library writes a moment as this text.
    return text.partition(" RETURNING ")[0], [str(v) if isinstance(v, datetime) else v for v in values]


@pytest.mark.parametrize("model", [Booking, Payment, SeatCall, BookingEvent], ids=lambda model: model.__name__)
def test_a_row_is_made_as_the_orm_makes_it(model):
    columns = columns_of(MAKERS[model]())
    some = {name: value for place, (name, value) in enumerate(columns.items()) if place % 2}

    for said in ({}, some, columns):
        made, of_the_orm = new(model, **said), model(**said)
        assert columns_of(made) == columns_of(of_the_orm)
        assert vars(made).keys() == vars(of_the_orm).keys()
        assert made._state.adding is True


def test_a_row_has_no_column_that_its_model_has_not():
    with pytest.raises(TypeError, match="booking has no column colour"):
        new(Booking, reference="AAAAAAAA", colour="red")


def test_a_default_that_is_made_for_each_row_is_not_kept(monkeypatch):
    monkeypatch.setattr(Payment._meta.get_field("amount"), "default", lambda: 7)
    rows._defaults.cache_clear()

    with pytest.raises(TypeError, match=r"payment has defaults that are made for each row: \['amount'\]"):
        new(Payment)


@of_each
def test_a_new_row_is_inserted_as_the_orm_does(model):
    row = model(**(columns_of(MAKERS[model]()) | {"id": None}))
    query = sql.InsertQuery(model)
    query.insert_values([column for column in model._meta.concrete_fields if not column.primary_key], [row])

    assert insertion(row) == said_by_the_orm(query)


def test_the_time_of_the_statement_is_part_of_it():
    row = IdempotencyRecord(**(columns_of(a_record()) | {"id": None, "created_at": Now()}))
    query = sql.InsertQuery(IdempotencyRecord)
    query.insert_values([column for column in row._meta.concrete_fields if not column.primary_key], [row])

    assert insertion(row) == said_by_the_orm(query)


@of_each
def test_a_row_is_changed_as_the_orm_does(model):
    row = MAKERS[model]()
    columns = [column for column in model._meta.concrete_fields if not column.primary_key]
    query = model._base_manager.filter(pk=row.pk).query.chain(sql.UpdateQuery)
    # Django writes a null into the text; as a value it is the same to the database.
    query.add_update_fields([(column, None, getattr(row, column.attname)) for column in columns])
    text, values = change(row, [column.attname for column in columns])
    for column in columns:
        if getattr(row, column.attname) is None:
            text = text.replace(
                f"{connection.ops.quote_name(column.column)} = %s",
                f"{connection.ops.quote_name(column.column)} = NULL",
                1,
            )

    assert (text, [value for value in values if value is not None]) == said_by_the_orm(query)


def test_a_condition_is_what_the_orm_makes_of_it():
    query = (
        IdempotencyRecord.objects.filter(call_key=uuid.UUID(int=1)).exclude(state="done").query.chain(sql.UpdateQuery)
    )
    query.add_update_values({"state": "done"})

    (text, values), (other, same) = (
        update(IdempotencyRecord, {"state": "done"}, where={"call_key": uuid.UUID(int=1)}, unless={"state": "done"}),
        said_by_the_orm(query),
    )

    assert (text.replace("(", "").replace(")", ""), values) == (other.replace("(", "").replace(")", ""), same)


@of_each
def test_a_locked_row_is_the_row(model):
    row = MAKERS[model]()

    with transaction.atomic():
        found, now = lock(model, row.pk)

    assert columns_of(found) == columns_of(model._base_manager.get(pk=row.pk))
    assert (found._state.adding, found._state.db) == (False, "default")
    assert abs(now - database_time()) < timedelta(seconds=5)


def test_a_row_that_is_not_there_is_none():
    with transaction.atomic():
        assert lock(Booking, 1)[0] is None


def test_the_lock_is_the_orms(monkeypatch):
    statements = []

    def note(execute, text, *others):
        statements.append(text)
        return execute(text, *others)

    with transaction.atomic(), connection.execute_wrapper(note):
        lock(Booking, 1)
        list(Booking.objects.select_for_update().filter(pk=1))

    assert statements[0] == statements[-1]


def test_a_row_that_is_inserted_has_its_key_and_later_at_the_end():
    kept = columns_of(a_record())
    first, second = (IdempotencyRecord(**(kept | {"id": None, "principal": name})) for name in "ab")

    with transaction.atomic():
        insert(first)
        insert_later(second)

    assert [first, second] == list(IdempotencyRecord.objects.filter(principal__in="ab").order_by("pk"))
    assert not first._state.adding
    with pytest.raises(TypeError, match="written already"):
        insert(first)


@pytest.mark.parametrize("tells_keys", [True, False], ids=["keys told", "keys read"])
def test_many_new_rows_have_their_keys_whether_the_database_tells_them_or_not(tells_keys, monkeypatch):
    if not tells_keys:  # as MySQL
        monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    now, booking = database_time(), a_saved_row()
    made = [
        Announcement(
            key=f"evt_{9 - number}",
            booking=booking,
            sequence=number,
            type="booking.held",
            occurred_at=now,
            facts={},
            created_at=now,
        )
        for number in range(1, 4)
    ]

    with transaction.atomic():
        insert_many(made, known_by="key")

    assert {row.key: row.pk for row in made} == dict(Announcement.objects.values_list("key", "pk"))
    assert [row._state.adding for row in made] == [False] * 3


def test_a_change_is_there_for_what_comes_after_it():
    booking = a_saved_row()
    booking.last_error, booking.request_id = "noted", "not written"

    with transaction.atomic():
        write_later(booking, ["last_error"])
        seen = Booking.objects.get()

    assert (seen.last_error, Booking.objects.get().request_id) == ("noted", seen.request_id)
    assert seen.request_id != "not written"


def test_a_conditional_change_says_what_it_has_written_or_nothing():
    row = a_saved_row("pending")
    columns = {"request_id": "told", "updated_at": Now()}

    told = write_if(Booking, row.pk, columns, only_if={"status": "pending"}, tell="updated_at")
    refused = write_if(Booking, row.pk, columns, only_if={"status": "booked"}, tell="updated_at")

    assert (told, refused) == (Booking.objects.get().updated_at, None)
    assert told.utcoffset() == timedelta(0)
