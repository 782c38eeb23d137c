"""What the stand-in Flight Service promises about seats by number, as bytes on the wire."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contracts.test_flightsim import get, patch, take
from tests.support.processes import start_flightsim

SEATS = "/api/v1/flights/1/seats"


def named(sim, numbers, *, key, seats=None, dec=1, **members):
    content = {"seats": seats or len(numbers), "dec": dec, "seatNumbers": numbers, **members}
    return patch(sim, content, key=key)


def test_wide_and_narrow_flights_show_a_map_of_all_their_seats_and_one_for_the_crew(sim):
    sim.reset(flights={"1": 120, "2": 50, "3": 600, "4": 601})

    wide, narrow, largest = (get(sim, f"/api/v1/flights/{flight}/seats") for flight in (1, 2, 3))

    data = wide.json()["data"]
    assert list(data) == ["flightId", "version", "price", "capacity", "totalSeats", "cabins", "seats"]
    assert [data[name] for name in list(data)[:5]] == [1, 1, 2000, 120, 120]
    assert data["cabins"] == [{"name": "economy", "columns": ["A", "B", "C", None, "D", "E", "F"]}]
    assert data["seats"][0] == {"number": "1A", "row": 1, "column": "A", "cabin": "economy", "status": "blocked"}
    assert data["seats"][-1] == {"number": "21A", "row": 21, "column": "A", "cabin": "economy", "status": "free"}
    assert (len(data["seats"]), narrow.json()["data"]["seats"][-1]["number"]) == (121, "13C")
    assert len(largest.content) < 64 * 1024
    assert get(sim, "/api/v1/flights/4/seats").json()["error"]["code"] == "no_seat_map"
    assert "seatMap" not in get(sim, "/api/v1/flights/4").json()["data"]
    assert get(sim, "/api/v1/flights/999/seats").json()["error"]["code"] == "flight_not_found"


def test_an_answer_repeats_the_numbers_and_a_plain_one_has_none(sim):
    first = named(sim, ["12B", "2A"], key="named").json()["data"]
    mixed = named(sim, ["14C"], seats=3, key="exchange", inPlaceOf={"seats": 2, "seatNumbers": ["12B"]})
    plain = take(sim, 2, key="plain").json()["data"]

    # 12B was the only one that had a number among the two that go back.
    assert first["seatNumbers"] == ["2A", "12B"]
    assert mixed.json()["error"] == {
        "statusCode": 409,
        "code": "seats_not_taken",
        "explanation": "Fewer seats than these were taken without a number",
        "seatNumbers": {},
    }
    exchanged = named(sim, ["14C"], seats=2, key="again", inPlaceOf={"seats": 2, "seatNumbers": ["12B"]}).json()["data"]
    assert (exchanged["seatNumbers"], exchanged["inPlaceOf"]) == (["14C"], {"seats": 2, "seatNumbers": ["12B"]})
    assert not {"seatNumbers", "inPlaceOf"} & plain.keys()
    assert sim.flight()["seatsTaken"] == {"14C": "again", "2A": "named"}


def test_a_refusal_names_all_that_fail_and_is_replayed(sim):
    named(sim, ["12A"], key="first")

    answers = [named(sim, ["40Z", "12A", "1A", "3A", "x\u202ey", "120A"], key="second") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["error"]["seatNumbers"] == {
        "1A": "blocked",
        "12A": "taken",
        "40Z": "unknown",
        "120A": "unknown",
        "x\u202ey": "unknown",
    }
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert sim.flight()["seatsTaken"] == {"12A": "first"}


def test_the_same_numbers_in_another_order_are_the_same_request_and_others_are_not(sim):
    named(sim, ["3A", "3B"], key="one")

    same, other = named(sim, ["3B", "3A"], key="one"), named(sim, ["3B", "3C"], key="one")

    assert (same.status_code, same.headers["Idempotent-Replayed"]) == (200, "true")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_a_body_that_breaks_the_one_rule_about_numbers_is_invalid_and_leaves_the_key_free(sim):
    two = {"seats": 2, "dec": 1}
    wrong = [
        *({"seatNumbers": numbers} for numbers in ("2A", None, [1], ["2A", "2A"], ["2A", "2B", "2C"], [""], ["A" * 9])),
        *({"inPlaceOf": other} for other in (None, [], {}, {"seats": 1}, {"seats": 0, "seatNumbers": []})),
        {"seatNumbers": ["2A"], "inPlaceOf": {"seats": 1, "seatNumbers": ["2A"]}},
        {"dec": 0, "inPlaceOf": {"seats": 1, "seatNumbers": []}},
        {"inPlaceOf": {"seats": 1, "seatNumbers": [], "dec": 1}},
    ]

    answers = [patch(sim, {**two, **members}, key="one") for members in wrong]

    assert Counter(answer.json()["error"].get("code") for answer in answers) == {"invalid_request": len(wrong)}
    assert (take(sim, 2, key="one").status_code, sim.flight()["remaining"]) == (200, 118)


def test_a_blocked_seat_is_none_of_the_flight_and_changes_the_version_of_its_map(sim):
    def block(number, blocked, flight=1):
        content = {"flight": flight, "number": number, "blocked": blocked}
        return requests.post(f"{sim.url}/__block", json=content, timeout=5)

    named(sim, ["3A"], key="one")
    answers = [block(*asked) for asked in (("5C", True), ("3A", True), ("5C", True), ("99A", True), ("1A", False))]

    assert [answer.status_code for answer in answers] == [200, 400, 400, 400, 200]
    assert block("5D", "yes").status_code == block("5D", True, flight=999).status_code == 400
    refused, crew = named(sim, ["5C"], key="two"), named(sim, ["1A"], key="three")
    assert refused.json()["error"]["seatNumbers"] == {"5C": "blocked"}
    assert (crew.status_code, crew.json()["data"]["seatMap"], crew.json()["data"]["capacity"]) == (200, 3, 120)


def test_of_64_clients_for_one_seat_exactly_one_gets_it_and_the_others_hold_nothing(sim):
    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda client: named(sim, ["7A", "7B"], key=f"client-{client}"), range(64)))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 63}
    assert sim.flight()["remaining"] == 118


@pytest.mark.slow
def test_numbers_survive_a_kill_with_what_was_decided_about_them():
    with start_flightsim() as sim:
        first = named(sim, ["12A"], key="one")
        sim.kill()
        sim.start()
        again = named(sim, ["12A"], key="one")
        taken = sim.flight()["seatsTaken"]
        sim.reset()
        after_reset = sim.flight()["seatsTaken"]

    assert (again.content, taken, after_reset) == (first.content, {"12A": "one"}, {})


@pytest.mark.slow
def test_without_maps_and_without_keys_nothing_on_the_wire_has_changed():
    with start_flightsim("--no-seat-maps") as sim:
        assert "seatMap" not in take(sim, 1, key="a").json()["data"]
        invalid = named(sim, ["2A"], key="b").json()["error"]
        assert invalid["explanation"] == (
            'The body must be {"seats": n, "dec": 1 or 0} in integers, n at least 1, '
            "and the key 1 to 255 visible ASCII characters"
        )
        assert get(sim, SEATS).status_code == 405
    with start_flightsim("--unkeyed") as sim:
        assert named(sim, ["2A"], key="a").status_code == 200
        assert (get(sim, SEATS).status_code, sim.flight()["seatsTaken"]) == (405, {})
