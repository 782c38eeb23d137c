"""What the service asks its tables on a schedule or in a request: each with the rows that it may read for it."""

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from django.db.models import F
from django.http import QueryDict
from django.test import Client

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Booking
from bookings.observability import gauges
from bookings.office.addresses import selection_in
from bookings.office.bookings.activity import question_in
from bookings.office.upkeep.open_work import KINDS
from bookings.queries.bookings import archived
from bookings.queries.bookings.activity import activity_of, counts_by_colleague
from bookings.queries.bookings.customer import customer_of
from bookings.queries.bookings.pages import page_of
from bookings.queries.bookings.quick_views import MOST_COUNTED, counts_of_views, unsettled_payments
from bookings.queries.bookings.search import find
from bookings.queries.bookings.selection import VIEWS, Selection
from bookings.queries.seats import calls, held, owed, to_compare
from bookings.queries.upkeep import open_work, start_page
from bookings.services.bookings import archive, expire
from bookings.services.seats import release
from bookings.services.upkeep.reap import reap_old_rows
from bookings.services.upkeep.run_pass import run_pass
from tests.support.api import BOOKINGS
from tests.support.bookings import gateways_of
from tests.support.fakes import FakeFlights, FakePayments
from tests.volume.fill import AGENT, waiting_of

PAGE = 20

# Of a page with its surroundings, of the bookings of a flight.
FEW, SOME = 500, 2_000


class Question(NamedTuple):
    """Something that is asked, and how many rows and entries of indexes it may read at most."""

    name: str
    ask: Callable[[], object]
    most: int


def all_questions() -> Iterator[Question]:
    """Everything, in the order of the table."""
    yield from of_the_api()
    yield from of_the_office()
    # Last, as it does what it finds to do.
    yield from of_the_worker()


def of_the_api() -> Iterator[Question]:
    newest = Booking.objects.latest("pk")
    middle, paid = middle_of(newest), newest_paid()
    client, many = Client(), _many(newest)
    called = Booking.objects.filter(pk__gte=middle.pk).exclude(client_reference="").earliest("pk")
    of_number = Booking.objects.filter(flight_number=middle.flight_number).count()

    def listing(**query: Any) -> Callable[[], object]:
        return lambda: _found(client, **query)

    long_ago, later = middle.created_at.isoformat(), (middle.created_at + timedelta(hours=6)).isoformat()
    lists: dict[str, dict[str, Any]] = {
        "page 1": {},
        "page 10,000": {"cursor": place_of(max(2 * PAGE, newest.pk - 9_999 * PAGE), client)},
        "userId": {"userId": paid.user_id},
        "userId of a user with 1 % of all": {"userId": AGENT},
        "userId of 1 %, page in the middle": {"userId": AGENT, "cursor": place_of(middle.pk, client, userId=AGENT)},
        "flightId": {"flightId": middle.flight_id},
        "flightNumber": {"flightNumber": middle.flight_number},
        "flightNumber, page in the middle": {
            "flightNumber": middle.flight_number,
            "cursor": place_of(middle.pk, client, flightNumber=middle.flight_number),
        },
        "flightNumber, departureDay": {
            "flightNumber": middle.flight_number,
            "departureDay": f"{middle.departure_at:%Y-%m-%d}",
        },
        "userId, flightNumber": {"userId": middle.user_id, "flightNumber": middle.flight_number},
        "clientReference": {"clientReference": called.client_reference},
        "userId of 1 %, clientReference": {"userId": AGENT, "clientReference": called.client_reference},
        "status=booked": {"status": "booked"},
        "status=pending": {"status": "pending"},
        "status=initiated": {"status": "initiated"},
        "status=pending, page in the middle": {
            "status": "pending",
            "cursor": place_of(middle.pk, client, status="pending"),
        },
        "createdAfter half a year ago": {"createdAfter": long_ago},
        "createdBefore half a year ago": {"createdBefore": long_ago},
        "createdAfter, createdBefore: six hours": {"createdAfter": long_ago, "createdBefore": later},
        "userId, status": {"userId": paid.user_id, "status": "booked"},
        "userId of 1 %, status=initiated": {"userId": AGENT, "status": "initiated"},
        "flightId, status": {"flightId": middle.flight_id, "status": "booked"},
        "userId, flightId": {"userId": middle.user_id, "flightId": middle.flight_id},
        "status=booked, createdBefore half a year ago": {"status": "booked", "createdBefore": long_ago},
        "userId of 1 %, createdBefore": {"userId": AGENT, "createdBefore": long_ago},
        "flightId, createdAfter": {"flightId": middle.flight_id, "createdAfter": long_ago},
    }
    for name, query in lists.items():
        # The newest are unpaid: the first that is booked comes behind them, and unpaid are only they.
        most = SOME if "flightId" in query else FEW + many * ("status" in query)
        if "flightNumber" in query:
            most = FEW if "departureDay" in query else 2 * of_number + FEW  # all of the number, sorted
        if query.get("userId") == AGENT and "createdBefore" in query:
            most = 2 * 100 * PAGE  # one in a hundred, off the index of the time
        yield Question(f"list: {name}", listing(**query), most)
    yield Question("a booking", lambda: client.get(f"{BOOKINGS}/{middle.pk}"), 5)
    yield Question("its timeline", lambda: client.get(f"{BOOKINGS}/{middle.pk}/events"), 20)
    yield Question("a booking by its reference", lambda: client.get(f"{BOOKINGS}/{middle.reference}"), 5)


def of_the_worker() -> Iterator[Question]:
    flights, newest = FakeFlights(), Booking.objects.latest("pk")
    flight, many = newest.flight_id, _many(newest)

    def a_pass() -> object:
        return run_pass(flights=flights, payments=gateways_of(FakePayments()))

    def make_due() -> None:
        unpaid = Booking.objects.filter(status="initiated").order_by("pk").values("pk")[:500]
        Booking.objects.filter(pk__in=list(unpaid.values_list("pk", flat=True))).update(
            expires_at=F("created_at") + timedelta(microseconds=1)
        )

    yield Question("expiry: what is due, nothing", lambda: expire._due_ids(500), FEW)
    make_due()
    yield Question("expiry: what is due, 500", lambda: expire._due_ids(500), 2 * FEW)
    yield Question("expiry: 500 expire", lambda: expire.expire_bookings(deadline=Deadline(20)), 10 * FEW)
    yield Question("expiry: silent gateways", expire._unanswered_payments, FEW)
    yield Question("flights owed seats", lambda: owed.owed_by_flight(database_time()), many)
    yield Question(
        "calls to send again",
        lambda: release.resend_open_calls(flights=flights, deadline=Deadline(20)),
        FEW,
    )
    first = list(Booking.objects.order_by("pk").values_list("pk", flat=True)[: archive.ARCHIVE_BATCH])
    before = database_time() - timedelta(days=186)
    # Some of them have not flown, or have an open dispute. Of each that leaves, its rows are read and deleted.
    yield Question("archive: 500 leave", lambda: archive._move(first, before=before), 40 * FEW)
    yield Question("archive: none of 500 may leave", lambda: archive._move(first, before=before), 2 * FEW)
    yield Question("archive: how far it is behind", lambda: archived.archive_is_behind(database_time()), FEW)
    yield Question("reaper", lambda: reap_old_rows(deadline=Deadline(20)), many)
    yield Question("/metrics: numbers of the tables", gauges.numbers, 2 * many)
    yield Question("seats still owed", owed.seats_still_owed, many)
    # As many as there is time for: backwards from the newest rows, and two looks at each flight whose turn it is.
    yield Question(
        "comparison: the first 1,000 flights",
        lambda: list(islice(to_compare.in_turn(database_time(), after=0), 1_000)),
        3 * to_compare.READ_AT_MOST + 2 * to_compare.READ_AT_ONCE + many,
    )
    yield Question("comparison: one flight", lambda: held.seats_of(flight), SOME)
    yield Question("comparison: the last one", held.last_reconciliation, FEW)
    a_pass()
    yield Question("a whole pass, with nothing to do", a_pass, 3 * many)


def middle_of(newest: Booking) -> Booking:
    """A booking of half a year ago, of a user who books for nobody else."""
    return Booking.objects.filter(pk__lte=newest.pk // 2).exclude(user_id=AGENT).latest("pk")


def newest_paid() -> Booking:
    """The newest paid booking of such a user."""
    return Booking.objects.filter(status="booked").exclude(user_id=AGENT).latest("pk")


def searches(some: Booking) -> dict[str, str]:
    """What operators type into the box, by what it is."""
    return {
        "reference": some.reference.lower(),
        "reference, misread": "0O1QX7KZ",
        "booking id": str(some.pk),
        "user id": str(some.user_id),
        "user id of 1 %": str(AGENT),
        "flight id": str(some.flight_id),
        "flight number": some.flight_number,
        "what a client calls it": "trip 12345",
        "key": "a/key=of~a-client",
        "request id": some.request_id,
    }


def office_lists(some: Booking) -> dict[str, dict[str, str]]:
    """The filters that operators choose, by what they show."""
    its_day, flight = f"{some.created_at:%Y-%m-%d}", str(some.flight_id)
    return {
        "all": {},
        "status booked": {"status": "booked"},
        "status pending": {"status": "pending"},
        "reason expired": {"reason": "expired"},
        "reason fraud": {"reason": "fraud"},
        "flight": {"flight": flight},
        "flight number": {"flight": some.flight_number},
        "flight number and reason": {"flight": some.flight_number, "reason": "expired"},
        "flight and reason": {"flight": flight, "reason": "expired"},
        "user": {"user": str(some.user_id)},
        "user of 1 %": {"user": str(AGENT)},
        "a day half a year ago": {"from": its_day, "to": its_day},
        "a day half a year ago, fraud": {"from": its_day, "to": its_day, "reason": "fraud"},
        "up to half a year ago": {"to": its_day},
        "cases of a colleague": {"owner": "anna"},
        **{f"view {view}": {"view": view} for view in VIEWS},
    }


def activities(some: Booking) -> dict[str, str]:
    """What is asked of the activity of staff and others, by what it shows."""
    its_day = f"day={some.created_at:%Y-%m-%d}"
    return {
        "staff today": "",
        "my day": "by=anna",
        "everything of a day half a year ago": f"{its_day}&who=all",
        "staff of that day": its_day,
        "the system's of that day": f"{its_day}&who=system",
        "bookings paid on that day": f"{its_day}&who=customer&kind=booked",
        "notes of that day": f"{its_day}&kind=noted",
        "a booking": f"q={some.reference}",
        "a request": f"q={some.request_id}",
    }


def of_the_office() -> Iterator[Question]:
    now, newest = database_time(), Booking.objects.latest("pk")
    middle = middle_of(newest)
    many = _many(newest)
    of_number = Booking.objects.filter(flight_number=middle.flight_number).count()
    for name, text in searches(middle).items():
        most = SOME if name == "flight id" else FEW
        yield Question(f"search: {name}", lambda text=text: find(text), most)
    for name, query in office_lists(middle).items():
        selection = selection_in(query)
        ask = lambda selection=selection: page_of(selection, now=now, counting=MOST_COUNTED + 1)  # noqa: E731
        most = 6 * MOST_COUNTED + many + 2 * _of_a_day() * ("today" in name)
        if name.startswith("flight number"):
            most += 2 * of_number  # all of the number, sorted
        if name == "status booked":
            most = 60_000  # of some hundred thousand bookings MariaDB likes to sort all that are paid: 60 ms
        yield Question(f"office list: {name}", ask, most)
    below = Selection(reason="expired")
    yield Question(
        "office list: reason expired, half way down", lambda: page_of(below, now=now, older_than=middle.pk), FEW
    )
    yield Question("counts of the quick views", lambda: counts_of_views(now), 5 * many + 2 * _of_a_day())
    yield Question("payments of a page", lambda: unsettled_payments([middle, newest]), FEW)
    for name, user in (("a customer", newest_paid().user_id), ("a customer with 1 % of all", AGENT)):
        # Of its bookings it reads their rows, events and payments, and of some their calls.
        most = FEW + 12 * Booking.objects.filter(user_id=user).count()
        yield Question(name, lambda user=user: customer_of(user), most)
    for name, query in activities(middle).items():
        asked = question_in(QueryDict(query), today=now.date())
        yield Question(f"activity: {name}", lambda asked=asked: activity_of(asked), FEW + 4 * _of_a_day())
        yield Question(f"by colleague: {name}", lambda asked=asked: counts_by_colleague(asked), FEW + 3 * _of_a_day())
    yield Question("doctor: what waits", open_work.work, 2 * many)
    kinds = [kind.rows for kind in KINDS.values()]
    yield Question("menu and start page: what waits", lambda: open_work.waiting_of(kinds), 3 * many)
    # All of a day is counted, on two indexes alone.
    yield Question("start page: the day", lambda: start_page.today(now), 3 * _of_a_day() + FEW)
    dead, unanswered = (
        (calls.stuck_reservations, calls.dead_releases),
        (calls.unanswered_reservations, calls.unanswered_releases),
    )
    for ask in (*dead, *unanswered):
        yield Question(f"calls: {ask.__name__.replace('_', ' ')}", lambda ask=ask: calls.first_of(ask(None)), many)


def _many(newest: Booking) -> int:
    """Enough to look at everything that waits three times."""
    return 3 * waiting_of(newest.pk)


def _of_a_day() -> int:
    """How many bookings were made within the last day."""
    return Booking.objects.filter(created_at__gt=database_time() - timedelta(hours=24)).count()


def place_of(booking_id: int, client: Client, **filters: Any) -> str:
    """A cursor of the API's list with these filters, which has two bookings: the page below this booking."""
    link = _found(client, limit=1, **filters)["data"]["next"]
    (cursor,) = parse_qs(urlsplit(link).query)["cursor"]
    _, between, mark = base64.b64decode(cursor).decode().partition("~")
    return base64.b64encode(f"p={booking_id}{between}{mark}".encode()).decode()


def _found(client: Client, **query: Any) -> Any:
    answer = client.get(BOOKINGS, query)
    assert answer.status_code == 200, answer.content
    return answer.json()
