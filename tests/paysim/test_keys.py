"""Idempotency keys where something fails: https://docs.stripe.com/api/idempotent_requests."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.paysim.making import TEN, a_paid_intent, an_intent
from tests.support.paysim import PaySim
from tests.support.waiting import await_that

DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def _without_faults(paysim: PaySim):
    yield
    paysim.faults()


@pytest.mark.slow
def test_a_second_request_is_refused_while_the_first_is_under_way(paysim):
    paysim.faults(latency_ms=2_000, only="^POST /v1/payment_intents$")
    with ThreadPoolExecutor(1) as other:
        first = other.submit(paysim.api, "POST", "payment_intents", "slow", **TEN)
        await_that(lambda: any(each["key"] == "slow" for each in paysim.requests()), lambda: "no first request")
        second = paysim.api("POST", "payment_intents", "slow", **TEN)
        answered = first.result()

    assert (answered.status_code, second.status_code) == (200, 409)
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert paysim.api("POST", "payment_intents", "slow", **TEN).json()["id"] == answered.json()["id"]


def test_a_replay_says_so_and_names_the_first_request(paysim):
    first, again = (paysim.api("POST", "payment_intents", "replay", **TEN) for _ in range(2))

    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert again.headers["Idempotency-Key"] == "replay"


@pytest.mark.parametrize(("fault", "charges"), [("fail_before_rate", 0), ("fail_after_rate", 1)])
def test_a_500_is_kept_for_the_key_and_only_a_look_tells_what_was_done(paysim, fault, charges):
    intent = an_intent(paysim)
    path = f"payment_intents/{intent['id']}/confirm"
    paysim.faults(**{fault: 1, "times": 1}, only="confirm")
    answers = [paysim.api("POST", path, f"key-{fault}", payment_method="pm_card_visa") for _ in range(3)]

    assert [each.status_code for each in answers] == [500, 500, 500]
    assert answers[0].json()["error"]["type"] == "api_error"
    assert len(paysim.api("GET", "charges", payment_intent=intent["id"]).json()["data"]) == charges


@pytest.mark.parametrize("fault", ["rate_limit_rate", "lock_timeout_rate", "bad_gateway_rate", "conflict_rate"])
def test_what_comes_before_the_keys_leaves_the_key_free(paysim, fault):
    paysim.faults(**{fault: 1, "times": 1})
    statuses = [paysim.api("POST", "payment_intents", f"free-{fault}", **TEN).status_code for _ in range(2)]

    assert statuses[0] in (429, 502, 409)
    assert statuses[1] == 200


def test_a_key_is_forgotten_after_a_day_and_then_means_a_second_charge(paysim):
    form = {**TEN, "confirm": "true", "payment_method": "pm_card_visa", "metadata[day]": "1"}
    paysim.api("POST", "payment_intents", "day", **form)
    paysim.clock(DAY - 60)
    paysim.api("POST", "payment_intents", "day", **form)
    before = paysim.ledger("day")["1"]["charges"]
    paysim.clock(60)
    paysim.api("POST", "payment_intents", "day", **form)

    assert (before, paysim.ledger("day")["1"]["charges"]) == (1, 2)


def test_a_key_is_forgotten_on_demand(paysim):
    first = paysim.api("POST", "payment_intents", "forget", **TEN).json()

    assert paysim.forget_keys("forget") == 1
    assert paysim.api("POST", "payment_intents", "forget", **TEN).json()["id"] != first["id"]


@pytest.mark.slow
def test_a_key_of_a_request_that_changes_nothing_is_not_looked_at(paysim):
    intent = a_paid_intent(paysim)
    answers = [paysim.api("GET", path, "read") for path in (f"payment_intents/{intent['id']}", "charges")]

    assert [each.status_code for each in answers] == [200, 200]


def test_a_key_may_have_255_characters(paysim):
    assert paysim.api("POST", "payment_intents", "k" * 255, **TEN).status_code == 200
    assert paysim.api("POST", "payment_intents", "k" * 256, **TEN).status_code == 400


def test_the_order_of_parameters_does_not_matter(paysim):
    answers = [
        paysim.api("POST", "payment_intents", "order", **dict(items)) for items in (TEN.items(), [*TEN.items()][::-1])
    ]

    assert answers[0].content == answers[1].content
