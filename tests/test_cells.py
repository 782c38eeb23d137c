"""CELL: which numbers and references are of which cell, what another one refuses, and where it cannot be set."""

import json
from collections import Counter

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections

from bookings import wiring
from bookings.db import limits
from bookings.db.safe_session import counting_problems
from bookings.diagnostics import cells as diagnosed
from bookings.gateways.cells.redis_keys import RedisCellKeys
from bookings.models import Booking, IdempotencyRecord
from bookings.ports import CellKeysUnavailable
from bookings.queries.bookings.free_references import forget_drawn_references, free_reference
from bookings.services.access import key_cells
from bookings.text.cells import MOST_CELLS, ONLY_ONE, Cell
from bookings.text.references import CONSONANTS, new_reference
from bookingsite.config import cells, databases
from devtools.processes import HOST, free_port
from devtools.redis import PrivateRedis
from tests.support.api import refused, shown
from tests.support.bookings import a_saved_row

MYSQL = "mysql://a:b@node/bookings"
REDIS = "redis://127.0.0.1/0"
FIRST, SECOND = Cell(1, 2), Cell(2, 2)


class Keys:
    """The Redis of all cells, in memory."""

    def __init__(self):
        self.first, self.is_away = {}, False

    def first_to_have(self, name, *, asks, seconds):
        if self.is_away:
            raise CellKeysUnavailable("ConnectionError")
        return self.first.setdefault(name, asks)


@pytest.fixture
def keys(monkeypatch):
    shared = Keys()
    monkeypatch.setattr(wiring, "cell_keys", lambda: shared)
    return shared


@pytest.fixture
def in_cell(settings):
    """Let this installation be a cell; its numbers are counted one by one all the same."""

    def become(this):
        settings.CELL = this

    return become


# --- whose a number is ------------------------------------------------------------------------------------


def test_each_number_is_of_one_cell_and_so_is_each_letter():
    for of in range(1, MOST_CELLS + 1):
        all_cells = [Cell(number, of) for number in range(1, of + 1)]
        for number in range(1, 3 * of + 1):
            assert [each.number for each in all_cells if each.owns(number)] == [all_cells[0].cell_of(number)]
        assert sorted("".join(each.letters for each in all_cells)) == sorted(CONSONANTS)
        assert [each.cell_of_reference(letter) for each in all_cells for letter in each.letters] == [
            each.number for each in all_cells for _letter in each.letters
        ]
    assert [FIRST.cell_of_reference(text) for text in ("", "2BBBBBBB", "ABBBBBBB")] == [0, 0, 0]


def test_the_only_cell_has_everything_and_draws_as_before(settings):
    assert (settings.CELL, ONLY_ONE.letters) == (ONLY_ONE, CONSONANTS)
    assert all(ONLY_ONE.owns(number) for number in range(1, 100))


def test_references_of_two_cells_never_meet_and_each_has_enough():
    drawn = [{new_reference(first=each.letters) for _ in range(2_000)} for each in (FIRST, SECOND)]

    assert [{reference[0] for reference in each} for each in drawn] == [set(FIRST.letters), set(SECOND.letters)]
    assert [len(each) for each in drawn] == [2_000, 2_000]
    # Of the cell with the fewest letters: one each. A hundred bookings a second for two years.
    assert 19 * 27**6 > 100 * 2 * 365 * 24 * 3600
    assert min(Counter(len(Cell(number, 4).letters) for number in range(1, 5))) == 4


@pytest.mark.django_db
def test_a_process_of_a_cell_draws_references_of_that_cell(in_cell):
    in_cell(SECOND)
    forget_drawn_references()

    drawn = {free_reference()[0] for _ in range(90)}

    forget_drawn_references()
    assert drawn <= set(SECOND.letters)


# --- what another cell refuses ----------------------------------------------------------------------------


def test_a_flight_of_another_cell_makes_no_row_and_asks_no_flight_service(api, flights, in_cell, keys):
    in_cell(SECOND)

    answers = [api.create(flightId=1), api.create(flightId=1, key="k")]

    assert [refused(answer) for answer in answers] == [(503, "wrong_cell")] * 2
    assert answers[0].json()["error"]["retryable"] is True
    assert (Booking.objects.count(), IdempotencyRecord.objects.count(), keys.first) == (0, 0, {})
    assert flights.arrived == []


@pytest.mark.slow
def test_a_booking_of_another_cell_is_not_said_to_be_missing(api, in_cell, keys):
    booking = a_saved_row("initiated", pk=7, reference=f"{FIRST.letters[0]}2345678"[:7] + "B")
    in_cell(SECOND)
    path = f"/api/v1/bookings/{booking.pk}"
    said = [
        api.get(path),
        api.get(f"/api/v1/bookings/{booking.reference.lower()}"),
        api.get(f"{path}/events"),
        api.get(f"{path}/payments"),
        api.pay(booking),
        api.cancel(booking),
        api.cancel(booking, key="c"),
        api.choose(booking, "1A", "1B"),
        api.send("DELETE", f"{path}/contact", {}),
    ]

    assert [refused(answer) for answer in said] == [(503, "wrong_cell")] * 9
    assert keys.first == {}
    in_cell(FIRST)
    assert shown(api.get(path))["id"] == 7


# --- one key, one cell ------------------------------------------------------------------------------------


def test_a_key_that_another_cell_has_seen_is_refused_and_no_booking_is_made(api, in_cell, keys):
    in_cell(FIRST)
    first = api.create(flightId=1, key="k")
    in_cell(SECOND)
    second = api.create(flightId=2, key="k")
    in_cell(FIRST)
    again = api.create(flightId=1, key="k")

    assert (first.status_code, refused(second)) == (201, (422, "idempotency_key_reused"))
    assert (again.headers["Idempotent-Replayed"], shown(again)) == ("true", shown(first))
    assert Booking.objects.count() == 1


def test_twin_without_the_shared_keys_one_key_makes_two_bookings(api, in_cell, monkeypatch):
    monkeypatch.setattr(wiring, "cell_keys", lambda: None)
    in_cell(FIRST)
    api.create(flightId=1, key="k")
    IdempotencyRecord.objects.all().delete()  # as the second cell has a database of its own
    in_cell(SECOND)
    second = api.create(flightId=2, key="k")

    assert (second.status_code, Booking.objects.count()) == (201, 2)


def test_while_redis_is_away_a_key_promises_nothing_and_nothing_is_written(api, in_cell, keys):
    in_cell(FIRST)
    keys.is_away = True

    answer = api.create(flightId=1, key="k")

    assert (refused(answer), answer.headers["Retry-After"]) == ((503, "temporarily_unavailable"), "5")
    assert Booking.objects.count() == 0
    assert api.create(flightId=1).status_code == 201


def test_the_redis_of_all_cells_tells_each_the_first_and_forgets_no_key_before_its_record():
    with PrivateRedis() as redis:
        by_two = [RedisCellKeys(redis.url), RedisCellKeys(redis.url)]

        assert [by_two[0].first_to_have("a", asks=2, seconds=9), by_two[1].first_to_have("a", asks=1, seconds=9)] == [
            2,
            2,
        ]
        assert by_two[1].first_to_have("b", asks=1, seconds=9) == 1
        redis.stop()
        with pytest.raises(CellKeysUnavailable):
            by_two[0].first_to_have("a", asks=2, seconds=9)
    assert key_cells.KEPT_SECONDS == 144 * 3600


def test_the_redis_is_used_where_there_are_cells_alone(settings):
    wiring.cell_keys.cache_clear()
    assert wiring.cell_keys() is None
    settings.CELL, settings.REDIS_URL = FIRST, REDIS
    wiring.cell_keys.cache_clear()
    assert isinstance(wiring.cell_keys(), RedisCellKeys)
    wiring.cell_keys.cache_clear()


def test_a_gateway_that_all_cells_share_knows_their_payments_apart(settings):
    settings.ALLOWED_HOSTS = ["bookings.example.org"]
    assert wiring._installation() == "bookings.example.org"
    settings.CELL = SECOND
    assert wiring._installation() == "bookings.example.org 2/2"


# --- sessions ---------------------------------------------------------------------------------------------


@pytest.fixture
def configured(monkeypatch):
    def configure(address=MYSQL, **values):
        for name in ("DATABASE_CLUSTER", "DATABASE_REPLICA_URL", "REDIS_URL", "CELL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"DATABASE_URL": address, **values}.items():
            monkeypatch.setenv(name, value)
        return databases.database()

    return configure


def test_each_kind_of_process_counts_in_the_steps_of_its_cell(configured, monkeypatch):
    database = configured(CELL="2/4", REDIS_URL=REDIS)
    monkeypatch.setitem(connections.settings, "default", database)

    asked = [database["OPTIONS"]["init_command"]]
    for kind in (limits.WEB, limits.WORKER):
        limits.use(kind)
        asked.append(database["OPTIONS"]["init_command"])

    assert [said.endswith(", auto_increment_increment=4, auto_increment_offset=2") for said in asked] == [True] * 3
    assert "auto_increment" not in configured()["OPTIONS"]["init_command"]


def test_a_session_that_counts_in_other_steps_is_refused():
    counted = {"auto_increment_increment": "3", "auto_increment_offset": "1"}

    assert list(counting_problems(counted, cell=ONLY_ONE)) == []
    as_asked = {"auto_increment_increment": "4", "auto_increment_offset": "2"}
    assert list(counting_problems(as_asked, cell=Cell(2, 4))) == []
    (why,) = counting_problems(counted, cell=Cell(2, 4))
    assert "are 3 and 1, not 4 and 2: bookings would get numbers of other cells; at each node of Galera" in why


@pytest.mark.mysql
@pytest.mark.django_db
def test_a_server_gives_new_rows_numbers_of_the_cell():
    with connection.cursor() as cursor:
        cursor.execute("SET auto_increment_increment=4, auto_increment_offset=3")
        made = [a_saved_row("cancelled").pk for _ in range(3)]
        cursor.execute("SET auto_increment_increment=1, auto_increment_offset=1")

    assert [Cell(3, 4).owns(pk) for pk in made] == [True] * 3


@pytest.mark.parametrize(
    ("address", "values", "why"),
    [
        (MYSQL, {"CELL": "3/2", "REDIS_URL": REDIS}, "must look like 2/4"),
        (MYSQL, {"CELL": "0/2", "REDIS_URL": REDIS}, "must look like 2/4"),
        (MYSQL, {"CELL": "1/20", "REDIS_URL": REDIS}, "one of 19 cells at the most"),
        (MYSQL, {"CELL": "two", "REDIS_URL": REDIS}, "must look like 2/4"),
        (MYSQL, {"CELL": "1/2"}, "needs REDIS_URL, the same for all cells"),
        ("postgresql://a:b@node/bookings", {"CELL": "1/2", "REDIS_URL": REDIS}, "starts with mysql://"),
        ("", {"CELL": "1/2", "REDIS_URL": REDIS}, "starts with mysql://"),
    ],
)
def test_a_cell_that_cannot_be_is_refused(configured, address, values, why):
    with pytest.raises(ImproperlyConfigured, match=why):
        configured(address, **values)


def test_without_it_or_as_one_of_one_there_is_one_cell(configured):
    configured(CELL="1/1")
    assert cells.cell() == ONLY_ONE


# --- what the doctor says ---------------------------------------------------------------------------------


@pytest.mark.mysql
@pytest.mark.django_db
def test_the_doctor_names_a_booking_of_another_cell(in_cell, monkeypatch):
    assert list(diagnosed.check_cell()) == []
    in_cell(SECOND)
    assert [(each.verdict, each.message) for each in diagnosed.check_cell()] == [
        ("OK", "2/2: flights and bookings 2, 4 …")
    ]
    a_saved_row("cancelled", pk=4, flight_id=1)
    (found,) = diagnosed.check_cell()
    assert (found.verdict, "booking 4 is not of it" in found.message) == ("FAIL", True)


def test_the_doctor_says_what_the_redis_of_all_cells_would_forget(settings):
    assert list(diagnosed.check_keys_of_cells()) == []
    settings.CELL, settings.REDIS_URL = FIRST, f"redis://{HOST}:{free_port()}/0"
    assert [each.verdict for each in diagnosed.check_keys_of_cells()] == ["FAIL"]
    with PrivateRedis() as redis:
        settings.REDIS_URL = redis.url
        said = [each.message for each in diagnosed.check_keys_of_cells()]
    assert said == [
        "Redis has appendonly=no: all keys of clients are forgotten when it restarts",
        "Redis has appendfsync=everysec: a power cut forgets the keys of the last second",
    ]


def test_keys_are_named_by_a_hash_alone(monkeypatch):
    asked = {}

    class Script:
        def __call__(self, *, keys, args):
            asked[keys[0]] = args
            return b"1"

    over_redis = RedisCellKeys(REDIS)
    over_redis._first = Script()
    over_redis.first_to_have("user:1001 POST /bookings 4711", asks=1, seconds=60)

    ((name, args),) = asked.items()
    assert (len(name), args, "1001" in json.dumps(name)) == (len("bookings:key:") + 64, [1, 60], False)
