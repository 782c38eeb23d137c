"""The rehearsal's own judge: it must be able to say no."""

import json

import pytest

from tests.campaigns.verdict import Round, Word, exit_code, table, word_for
from tests.support.http import Reply

STOOD = {"name": "web killed", "limit_seconds": 30.0, "figures": {"requests": 400}, "recovered_after": 12.0}


def envelope(status, *, code="flight_service_unavailable", success=False):
    error = {} if success else {"statusCode": status, "code": code, "explanation": "no"}
    return json.dumps({"success": success, "message": "", "data": {}, "error": error}).encode()


def reply(status, body, **headers):
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    "answer",
    [
        reply(400, envelope(400, code="seats_unavailable")),
        reply(409, envelope(409, code="already_paid")),
        reply(429, envelope(429, code="too_many_requests"), retry_after="7"),
        reply(503, envelope(503), retry_after="5"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_an_envelope_with_a_code_and_a_time_to_come_again_is_a_clean_refusal(answer):
    assert word_for(answer) is Word.REFUSED


@pytest.mark.parametrize(
    "answer",
    [
        reply(500, envelope(500, code="internal_error"), retry_after="5"),
        reply(502, b"<html><h1>502 Bad Gateway</h1></html>"),
        reply(503, b"<html><h1>503 Service Unavailable</h1></html>", retry_after="5"),
        reply(503, envelope(503)),
        reply(503, envelope(503), retry_after="soon"),
        reply(429, envelope(429)),
        reply(503, envelope(500), retry_after="5"),
        reply(503, envelope(503, code=""), retry_after="5"),
        reply(503, b"[]", retry_after="5"),
        reply(404, b"Not Found"),
        reply(302, b""),
        reply(200, b"<html></html>"),
        reply(201, envelope(201)),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:12]!r}",
)
def test_anything_else_that_is_not_success_is_an_error(answer):
    assert word_for(answer) is Word.ERROR


def test_a_success_in_the_envelope_is_answered():
    assert word_for(reply(201, envelope(201, success=True))) is Word.ANSWERED


def test_a_round_without_faults_ends_with_0():
    assert exit_code([Round(**STOOD)]) == 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"drift": 3}, "3 seats adrift"),
        ({"errors": ["GET /x answered 500"]}, "1 errors: GET /x answered 500"),
        ({"recovered_after": 30.1}, "recovered after 30.1 s, not 30"),
        ({"recovered_after": None}, "not recovered"),
        ({"wrong": ["Q5: booked without exactly one succeeded payment: [1]"]}, "Q5"),
    ],
    ids=["drift", "unclean 5xx", "late", "never", "an invariant"],
)
def test_any_fault_ends_with_1_and_is_named_in_the_table(change, fault):
    rounds = [Round(**STOOD), Round(**{**STOOD, **change})]

    assert exit_code(rounds) == 1
    assert "FAILED" in table(rounds)
    assert f"web killed: {fault}" in table(rounds)


def test_a_campaign_in_which_nothing_was_played_ends_with_1():
    assert exit_code([]) == 1
