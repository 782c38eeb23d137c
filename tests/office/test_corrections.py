"""Corrections of seats on the pages about calls: told apart from releases, and decided by the same people."""

import pytest

from bookings.models import SeatCall, SeatCallEvent
from tests.support.bookings import a_call_row
from tests.support.calls import CALLS, give_back_address, links_of, why
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


def a_fix(**columns):
    flight_id = columns.setdefault("flight_id", 1)
    is_over = columns.get("state") == "done"
    return a_call_row(kind="fix", fixes_flight_id=None if is_over else flight_id, **columns)


@pytest.mark.slow
def test_the_list_says_what_each_call_does(desk):
    a_fix(flight_id=21, reserves=True)
    a_fix(flight_id=22, state="dead")
    a_call_row(flight_id=23)

    text = text_of(desk.get(CALLS))

    for part in ("correction: takes 21 2", "correction: gives back 22 2", "gives back 23 2"):
        assert part in text


@pytest.mark.slow
@pytest.mark.parametrize(("takes", "said"), [(True, "Seats are taken"), (False, "Seats are back")])
def test_the_page_of_a_correction_says_what_became_of_it(desk, takes, said):
    call = a_fix(reserves=takes, state="done")

    text = text_of(desk.get(f"{CALLS}{call.pk}/change/"))

    assert f"Correction {call.pk}: 2 seats of flight 1" in text
    assert said in text
    assert "it corrects what a comparison found" in text


CONSEQUENCES = {
    "retry": "it says so again; otherwise it is carried out now",
    "applied": "the next comparison finds it again",
    "not-applied": "If the request still arrives after a new one, the 2 seats are counted twice",
}


@pytest.mark.slow
@pytest.mark.parametrize("word", CONSEQUENCES)
def test_the_page_of_a_decision_says_what_it_costs(desk, word):
    call = a_fix(state="dead", reserves=True)

    assert CONSEQUENCES[word] in text_of(desk.get(give_back_address(call, word)))


@pytest.mark.slow
@pytest.mark.parametrize(("word", "kind"), [("applied", "fix"), ("not-applied", "void")])
def test_a_decision_ends_it(desk, word, kind):
    call = a_fix(state="dead", reserves=True)
    assert give_back_address(call, word) in links_of(desk.get(CALLS))

    answer = desk.post(give_back_address(call, word), why("Ravi said so."), follow=True)

    assert "The correction is over." in text_of(answer)
    assert list(SeatCall.objects.values_list("kind", "state")) == [(kind, "done")]
    assert SeatCallEvent.objects.get().note == "Ravi said so."
