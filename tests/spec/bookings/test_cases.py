"""A booking that a member of staff works on is a case: taken, handed over, given back, dated and closed."""

import uuid
from datetime import date

import pytest

from bookings.deadline import Deadline
from bookings.errors import BookingNotFound, CaseChanged, NotYourCase
from bookings.models import Booking, BookingCase, BookingEvent
from bookings.queries.bookings.page import booking_page
from bookings.queries.bookings.selection import Selection
from bookings.queries.bookings.timeline import timeline_of
from bookings.services.bookings.expire import expire_bookings
from tests.support.bookings import a_saved_row, let_time_pass
from tests.support.cases import how_it_stands, move

pytestmark = pytest.mark.django_db

TUESDAY = date(2026, 12, 1)


@pytest.fixture
def booking():
    return a_saved_row()


def told(booking):
    """What the timeline says of the case: what, by whom, and the note."""
    rows = BookingEvent.objects.filter(booking=booking).order_by("pk")
    return list(rows.values_list("what", "actor_name", "note"))


def test_a_booking_is_taken_as_a_case(booking):
    before = Booking.objects.values().get()

    move(booking, "take", note=" Calls again at noon. ")

    assert how_it_stands(booking) == ("anna", "", True)
    assert told(booking) == [("case_taken", "anna", "Calls again at noon.")]
    assert Booking.objects.values().get() == before


def test_a_case_is_dated_handed_over_given_back_taken_and_closed(booking):
    move(booking, "take")
    move(booking, "date", follow_up_on=TUESDAY)
    dated = how_it_stands(booking)
    move(booking, "hand_over", to="tess", follow_up_on=TUESDAY, note="You know her.")
    handed_over = how_it_stands(booking)
    move(booking, "give_back", by="tess")
    given_back = how_it_stands(booking)
    move(booking, "take", by="uma")
    move(booking, "date", by="uma")
    taken = how_it_stands(booking)
    move(booking, "close", by="uma", note="Settled.")

    assert (dated, handed_over) == (("anna", "2026-12-01", True), ("tess", "2026-12-01", True))
    assert (given_back, taken) == (("", "2026-12-01", True), ("uma", "", True))
    assert how_it_stands(booking) == ("", "", False)
    assert told(booking) == [
        ("case_taken", "anna", ""),
        ("case_dated", "anna", "2026-12-01"),
        ("case_handed_over", "anna", "→ tess, 2026-12-01\nYou know her."),
        ("case_given_back", "tess", ""),
        ("case_taken", "uma", ""),
        ("case_dated", "uma", "-"),
        ("case_closed", "uma", "Settled."),
    ]


def test_a_closed_case_is_taken_again_and_is_open_since_then(booking):
    move(booking, "take")
    move(booking, "close")
    BookingCase.objects.update(opened_at=booking.created_at)

    move(booking, "take", by="tess")

    case = BookingCase.objects.get()
    assert (how_it_stands(booking), case.version) == (("tess", "", True), 3)
    assert case.opened_at > booking.created_at


def test_of_a_case_that_a_colleague_has_nothing_is_changed(booking):
    move(booking, "take", by="tess")

    for what in ("take", "date", "hand_over", "give_back", "close"):
        with pytest.raises(NotYourCase):
            move(booking, what, to="anna")

    assert how_it_stands(booking) == ("tess", "", True)
    assert len(told(booking)) == 1


@pytest.mark.parametrize("what", ["date", "hand_over", "give_back", "close"])
@pytest.mark.parametrize("once", ["never a case", "closed", "free"])
def test_what_is_not_theirs_is_not_moved(booking, what, once):
    if once != "never a case":
        move(booking, "take")
        move(booking, "close" if once == "closed" else "give_back")
    before = told(booking)

    with pytest.raises(NotYourCase):
        move(booking, what, to="tess")

    assert told(booking) == before


def test_with_the_right_to_assign_the_case_of_a_colleague_is_moved_and_taken_over(booking):
    move(booking, "take", by="tess")

    move(booking, "hand_over", to="uma", may_assign=True)
    handed_over = how_it_stands(booking)
    move(booking, "take", may_assign=True)

    assert (handed_over[0], how_it_stands(booking)[0]) == ("uma", "anna")


def test_an_assigner_closes_no_case_that_is_not_open(booking):
    with pytest.raises(NotYourCase):
        move(booking, "close", may_assign=True)

    assert BookingCase.objects.count() == 0


def test_a_page_that_is_older_than_the_last_move_changes_nothing(booking):
    move(booking, "take")
    move(booking, "give_back")

    with pytest.raises(CaseChanged):
        move(booking, "take", by="tess", seen_version=1)
    with pytest.raises(CaseChanged):
        move(booking, "take", by="tess", seen_version=0)

    assert how_it_stands(booking)[0] == ""


def test_the_same_page_sent_twice_moves_it_once(booking):
    key = uuid.uuid4().hex

    for _ in range(2):
        move(booking, "take", seen_version=0, action_key=key)

    assert (len(told(booking)), BookingCase.objects.get().version) == (1, 1)


def test_there_is_no_case_without_a_booking():
    with pytest.raises(BookingNotFound):
        move(Booking(pk=99), "take")


def test_clients_see_nothing_of_a_case(booking):
    before = [event.what for event in timeline_of(booking)]
    for what in ("take", "date", "give_back"):
        move(booking, what)
    move(booking, "take")
    move(booking, "hand_over", to="tess")
    move(booking, "close", by="tess")

    assert [event.what for event in timeline_of(booking)] == before


def test_a_case_stops_no_booking_from_expiring(booking):
    move(booking, "take")
    let_time_pass(minutes=16)

    expire_bookings(deadline=Deadline(60))

    booking.refresh_from_db()
    assert (booking.status, how_it_stands(booking)[0]) == ("cancelled", "anna")


def test_the_page_of_a_booking_has_the_open_case_alone(booking):
    without = booking_page(booking.pk)
    move(booking, "take")
    taken = booking_page(booking.pk)
    move(booking, "close")
    closed = booking_page(booking.pk)

    assert [page.case.owner if page.case else None for page in (without, taken, closed)] == [None, "anna", None]
    assert [page.case_version for page in (without, taken, closed)] == [0, 1, 2]


def test_cases_are_found_by_owner_by_day_and_by_being_free(booking):
    other, free, closed = a_saved_row(), a_saved_row(), a_saved_row()
    for each, by in ((booking, "anna"), (other, "tess"), (free, "anna"), (closed, "anna")):
        move(each, "take", by=by)
    move(booking, "date", follow_up_on=TUESDAY)
    move(free, "date", follow_up_on=date(2026, 12, 2))
    move(free, "give_back")
    move(closed, "close")

    def found(at, **selection):
        return sorted(Selection(**selection).rows(at).values_list("pk", flat=True))

    tuesday = booking.created_at.replace(year=2026, month=12, day=1, hour=23)
    assert found(tuesday, owner="anna") == [booking.pk]
    assert found(tuesday, owner="tess") == [other.pk]
    assert found(tuesday, owner="uma") == []
    assert found(tuesday, view="cases_due") == [booking.pk]
    assert found(tuesday.replace(day=2), view="cases_due") == [booking.pk, free.pk]
    assert found(tuesday, view="cases_free") == [free.pk]
    assert found(tuesday, view="cases_due", owner="tess") == []
