"""How an SMS is handed over to Twilio, and what is made of each way in which that can fail: it is sent once, or not."""

import pytest

from bookings.gateways.messages.twilio import TwilioAccount, TwilioSms
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Refused, Sent, Sms
from devtools.processes import HOST, free_port
from tests.support.twilio import ACCOUNT, LIST, LOGIN, NUMBER, PATH, SERVICE, TOKEN, a_twilio, refusal
from tests.support.wire import HANG_UP, STAY_SILENT, Drip, answer, took

TO = "+4915123456789"
SMS = Sms("evt_1", TO, "ABCD1234: Plätze & Preis = 5 §?")
SID = "SM" + "0123456789abcdef" * 2

HINT = "see the account and the token of SMS_URL"
# What Twilio answers, and what is made of it.
ANSWERS = {
    "takes it": (answer(201, {"sid": SID, "status": "queued"}), Sent(SID)),
    "takes it and does not say as what": (answer(201, {"status": "queued"}), Unknown("answered 201, without a sid")),
    "takes it in other words": (answer(201, body=b"<ok>"), Unknown("answered 201, without a sid")),
    "takes it in a list": (answer(201, []), Unknown("answered 201, without a sid")),
    "is no Twilio": (answer(200, {"sid": SID}), Unknown("answered 200")),
    "leads elsewhere": (answer(307, {}, Location="/elsewhere"), Unknown("answered 307")),
    "knows no such number": (refusal(21211), Refused("answered 400 (21211)")),
    "knows it as a landline": (refusal(21635), Refused("answered 400 (21635)")),
    "was told to stop": (refusal(21610), Refused("answered 400 (21610): STOP", is_for_good=True)),
    "refuses the text": (refusal(21617), Mistake("answered 400 (21617)")),
    "refuses with a new code": (refusal(29999), Mistake("answered 400 (29999)")),
    "knows no such sender": (
        refusal(21660),
        NotSent("answered 400 (21660): SMS_FROM is no number of this account for SMS"),
    ),
    "has too many waiting": (refusal(21611), NotSent("answered 400 (21611): too many wait at Twilio")),
    "knows no such token": (refusal(20003, 401), NotSent(f"answered 401 (20003): {HINT}")),
    "has closed the account": (refusal(20005, 403), NotSent(f"answered 403 (20005): {HINT}")),
    "is asked too often": (refusal(20429, 429), NotSent("answered 429 (20429)")),
    "refuses in another's words": (answer(400, body=b"<html>no"), Unknown("answered 400")),
    "refuses in words without end": (answer(400, body=b"[" * 60_000), Unknown("answered 400")),
    "has a wall before it": (answer(403, body=b"<html>no"), NotSent(f"answered 403: {HINT}")),
    "is at fault": (refusal(20500, 500), Unknown("answered 500 (20500)")),
    "is away behind its proxy": (answer(503, body=b""), Unknown("answered 503")),
    "hangs up": (HANG_UP, Unknown("hung up without an answer")),
    "says too much": (answer(201, body=b" " * 70_000), Unknown("answer too large")),
}


def test_an_sms_is_one_request_with_the_number_the_sender_and_the_text():
    with a_twilio() as twilio:
        assert twilio.channel().send(SMS, seconds=5) == Sent(f"SM{1:032x}")
        assert twilio.channel(sender=SERVICE).send(SMS, seconds=5) == Sent(f"SM{2:032x}")
        first, second = twilio.wire.calls

    assert twilio.forms == [
        {"To": TO, "From": NUMBER, "Body": SMS.text},
        {"To": TO, "MessagingServiceSid": SERVICE, "Body": SMS.text},
    ]
    assert (first.method, first.path, first.headers["authorization"]) == ("POST", PATH, LOGIN)
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    assert first.connection != second.connection


def test_each_answer_has_its_meaning_and_is_asked_for_once():
    found = {}
    with a_twilio() as twilio:
        for name, (said, _) in ANSWERS.items():
            twilio.planned = [said]
            found[name] = twilio.channel().send(SMS, seconds=5)

    assert found == {name: outcome for name, (_, outcome) in ANSWERS.items()}
    assert len(twilio.forms) == len(ANSWERS)
    assert [name for name, outcome in found.items() if "4915" in getattr(outcome, "why", "")] == []


def test_one_time_holds_for_all_of_it_and_then_nothing_is_known():
    slowly = Drip(answer(201, {"sid": SID}), every_seconds=0.02)
    for said in (STAY_SILENT, slowly):
        with a_twilio() as twilio:
            twilio.planned = [said]
            outcomes = []
            assert took(lambda: outcomes.append(twilio.channel().send(SMS, seconds=0.3))) < 2  # noqa: B023
            assert outcomes == [Unknown("answer too slow")]
            assert len(twilio.forms) == 1


def test_without_a_connection_nothing_was_sent(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for url, why in (
        (f"http://{HOST}:{free_port()}", "connection refused"),
        ("https://no-such-host.invalid", "no such host"),
    ):
        channel = TwilioSms(TwilioAccount(url, ACCOUNT, ACCOUNT, TOKEN), sender=NUMBER)
        assert channel.send(SMS, seconds=5) == NotSent(why)
        assert channel.try_out(seconds=5) == NotSent(why)
    with a_twilio() as twilio:
        assert twilio.channel().send(SMS, seconds=5) == Sent(f"SM{1:032x}")


@pytest.mark.parametrize(
    ("sms", "outcome"),
    [
        (Sms("k", "015123456789", "t"), Refused("not a number")),
        (Sms("k", "+4915123456789&From=x", "t"), Refused("not a number")),
        (Sms("k", TO, "a" * 161), Mistake("not the text of one SMS")),
        (Sms("k", TO, "€" * 81), Mistake("not the text of one SMS")),
        (Sms("k", TO, "Łódź"), Mistake("not the text of one SMS")),
    ],
)
def test_what_is_no_number_and_more_than_one_sms_never_leaves(sms, outcome):
    with a_twilio() as twilio:
        assert twilio.channel().send(sms, seconds=5) == outcome
        assert twilio.forms == []


def test_an_account_is_tried_out_without_a_message():
    with a_twilio() as twilio:
        assert twilio.channel().try_out(seconds=5) is None
        assert twilio.channel(token="another one").try_out(seconds=5) == NotSent(f"answered 401 (20003): {HINT}")
        assert twilio.wire.paths() == [LIST, LIST]
        assert twilio.forms == []
    assert TOKEN not in repr(twilio.account())
