"""What goes wrong on demand, and what was done all the same."""

import socket
import time

import pytest
import requests

from tests.paysim.making import TEN, an_intent, looked_at
from tests.support.paysim import SECRET, PaySim


@pytest.fixture(autouse=True)
def _without_faults(paysim: PaySim):
    yield
    paysim.faults()


def confirm(paysim, intent, *, seconds=5.0):
    """Confirm an intent; give the answer, or the error of a connection."""
    url = f"{paysim.url}/v1/payment_intents/{intent['id']}/confirm"
    try:
        return requests.post(url, data={"payment_method": "pm_card_visa"}, auth=(SECRET, ""), timeout=seconds)
    except requests.RequestException as error:
        return error


@pytest.mark.parametrize(
    ("fault", "status"),
    [("hang", "requires_payment_method"), ("drop_request", "requires_payment_method"),
     ("drop_reply", "succeeded"), ("cut", "succeeded")],
)  # fmt: skip
def test_no_answer_does_not_say_what_was_done(paysim, fault, status):
    intent = an_intent(paysim)
    paysim.faults(**{f"{fault}_rate": 1}, only="confirm")
    answer = confirm(paysim, intent, seconds=0.3)
    paysim.faults()

    assert isinstance(answer, requests.RequestException)
    assert looked_at(paysim, intent)["status"] == status


@pytest.mark.parametrize(
    ("fault", "status", "code", "after"),
    [
        ("fail_before", 500, None, "requires_payment_method"),
        ("fail_after", 500, None, "succeeded"),
        ("rate_limit", 429, "rate_limit", "requires_payment_method"),
        ("lock_timeout", 429, "lock_timeout", "requires_payment_method"),
        ("conflict", 409, "idempotency_key_in_use", "requires_payment_method"),
    ],
)
def test_an_error_does_not_say_what_was_done(paysim, fault, status, code, after):
    intent = an_intent(paysim)
    paysim.faults(**{f"{fault}_rate": 1}, only="confirm")
    answer = confirm(paysim, intent)

    assert (answer.status_code, answer.json()["error"].get("code")) == (status, code)
    assert looked_at(paysim, intent)["status"] == after


def test_a_proxy_answers_in_its_own_words(paysim):
    intent = an_intent(paysim)
    paysim.faults(bad_gateway_rate=1, only="confirm")
    answer = confirm(paysim, intent)

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert looked_at(paysim, intent)["status"] == "requires_payment_method"


def test_garbage_is_of_five_kinds_and_each_says_200(paysim):
    intents = [an_intent(paysim) for _ in range(5)]
    paysim.faults(garbage_rate=1, only="confirm")
    answers = [confirm(paysim, intent) for intent in intents]

    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 5
    assert {looked_at(paysim, intent)["status"] for intent in intents} == {"succeeded"}


@pytest.mark.slow
def test_a_dripping_answer_comes_a_byte_at_a_time(paysim):
    intent = an_intent(paysim)
    paysim.faults(drip_rate=1, only="^GET")
    host, port = paysim.url.removeprefix("http://").split(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"GET /v1/payment_intents/{intent['id']} HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\n\r\n".encode()
        )
        pieces = [connection.recv(4096) for _ in range(12)]
        took = time.monotonic() - began

    assert b"".join(pieces).startswith(b"HTTP/1.1 200")
    assert max(map(len, pieces)) < 12
    assert took > 0.9


@pytest.mark.slow
def test_a_slow_answer_does_what_was_asked_after_its_client_has_left(paysim):
    intent = an_intent(paysim)
    paysim.faults(latency_ms=400, only="confirm")
    answer = confirm(paysim, intent, seconds=0.1)
    at_once = looked_at(paysim, intent)["status"]
    again = paysim.api("POST", f"payment_intents/{intent['id']}/confirm", payment_method="pm_card_visa")

    assert isinstance(answer, requests.Timeout)
    assert at_once == "requires_payment_method"
    # The second has waited as long, so the first was before it.
    assert again.json()["error"]["code"] == "payment_intent_unexpected_state"


def test_faults_end_after_so_many_times(paysim):
    paysim.faults(fail_before_rate=1, times=2)
    statuses = [paysim.api("POST", "payment_intents", **TEN).status_code for _ in range(3)]

    assert statuses == [500, 500, 200]


def test_a_seed_makes_the_same_requests_fail(paysim):
    runs = []
    for _ in range(2):
        paysim.faults(fail_before_rate=0.5, seed=7)
        runs.append([paysim.api("POST", "payment_intents", **TEN).status_code for _ in range(20)])

    assert runs[0] == runs[1]
    assert {200, 500} == set(runs[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan",
    [
        {"cut_rate": 1.1},
        {"cut_rate": 0.6, "hang_rate": 0.6},
        {"no_such_rate": 1},
        {"latency_ms": "5"},
        {"latency_ms": 600_001},
        {"times": -1},
        {"only": "("},
        {"cut_rate": True},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_and_changes_nothing(paysim, plan):
    with pytest.raises(RuntimeError, match="answered 400"):
        paysim.faults(**plan)

    assert paysim.api("POST", "payment_intents", **TEN).status_code == 200


def test_the_log_shows_what_was_sent_under_which_key(paysim):
    paysim.api("POST", "payment_intents", "logged", **TEN)
    last = paysim.requests()[-1]

    assert (last["method"], last["path"], last["key"]) == ("POST", "/v1/payment_intents", "logged")
    assert "amount=1099" in last["form"]
    assert (last["status"], last["fault"]) == (200, None)
    assert SECRET not in str(last)
