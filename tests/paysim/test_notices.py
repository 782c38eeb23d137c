"""Notices: signed, repeated until they are accepted, and every way in which they come wrong."""

import json
import time

import pytest
import stripe

from tests.paysim.making import a_paid_intent, an_intent
from tests.paysim.receiver import Receiver
from tests.paysim.schema import mistakes
from tests.support.paysim import WEBHOOK_SECRET, start_paysim
from tests.support.waiting import await_that

PAID = "payment_intent.succeeded"


@pytest.fixture(scope="module")
def receiver():
    with Receiver().running() as running:
        yield running


@pytest.fixture(scope="module")
def paysim(receiver):
    with start_paysim("--webhook-url", receiver.url, "--notice-pause-ms", "20") as sim:
        yield sim


@pytest.fixture(autouse=True)
def _with_nothing_before(paysim, receiver):
    paysim.reset()
    receiver.notices.clear()
    yield
    paysim.faults()
    paysim.hold_notices(hold=False)
    receiver.refuses.clear()
    await_that(lambda: all(each["status"] for each in paysim.notices()), paysim.notices)


def test_a_change_is_told_and_signed(paysim, receiver):
    intent = a_paid_intent(paysim)
    (notice,) = receiver.await_notices(1, PAID)
    event = notice.event(WEBHOOK_SECRET)

    assert (event.type, event.data.object.id, event.livemode) == (PAID, intent["id"], False)
    assert mistakes(json.loads(notice.body)) == []
    assert paysim.api("GET", f"events/{event.id}").json()["data"] == json.loads(notice.body)["data"]


@pytest.mark.slow
def test_a_notice_is_repeated_until_it_is_accepted(paysim, receiver):
    receiver.refuses[:] = [500, 400, 302]
    an_intent(paysim)
    notices = receiver.await_notices(4)

    assert len({notice.body for notice in notices}) == 1
    await_that(lambda: [each["status"] for each in paysim.notices()] == [200], paysim.notices)
    assert paysim.notices()[0]["tries"] == 4


def test_a_notice_is_given_up_after_three_days(paysim, receiver):
    receiver.refuses[:] = [500] * 1000
    an_intent(paysim)
    receiver.await_notices(2)
    waiting = paysim.notices()[0]["status"]
    paysim.clock(3 * 24 * 60 * 60 + 1)
    await_that(lambda: paysim.notices()[0]["status"] == 500, paysim.notices)

    assert waiting == 0


def test_a_notice_is_signed_now_wherever_the_accounts_clock_stands(paysim, receiver):
    paysim.clock(24 * 60 * 60)
    an_intent(paysim)
    (notice,) = receiver.await_notices(1)
    signed_at = int(notice.signature.partition(",")[0].removeprefix("t="))

    assert abs(signed_at - time.time()) < 60
    assert notice.event(WEBHOOK_SECRET).created - signed_at > 23 * 60 * 60


def test_a_notice_may_come_twice(paysim, receiver):
    paysim.faults(notice_twice_rate=1)
    an_intent(paysim)
    first, second = receiver.await_notices(2)

    assert first.event(WEBHOOK_SECRET).id == second.event(WEBHOOK_SECRET).id


@pytest.mark.slow
def test_two_events_may_tell_of_one_change(paysim, receiver):
    paysim.faults(notice_double_event_rate=1)
    intent = an_intent(paysim)
    events = [notice.event(WEBHOOK_SECRET) for notice in receiver.await_notices(2)]

    assert len({event.id for event in events}) == 2
    assert {(event.type, event.data.object.id) for event in events} == {("payment_intent.created", intent["id"])}


def test_a_notice_may_come_late(paysim, receiver):
    paysim.faults(notice_late_rate=1, notice_late_ms=300)
    began = time.monotonic()
    an_intent(paysim)
    receiver.await_notices(1)

    assert time.monotonic() - began > 0.3


def test_a_notice_may_be_lost(paysim, receiver):
    paysim.faults(notice_lost_rate=1)
    an_intent(paysim)

    assert paysim.notices() == []


@pytest.mark.parametrize("fault", ["unsigned", "forged", "old"])
def test_a_notice_may_be_one_that_must_not_be_believed(paysim, receiver, fault):
    paysim.faults(**{f"notice_{fault}_rate": 1})
    an_intent(paysim)
    (notice,) = receiver.await_notices(1)

    with pytest.raises(stripe.SignatureVerificationError):
        notice.event(WEBHOOK_SECRET)
    assert (notice.signature == "") == (fault == "unsigned")


def test_notices_come_in_the_order_that_is_asked_for_and_as_often(paysim, receiver):
    paysim.hold_notices()
    a_paid_intent(paysim)
    created, _charged, paid = [each["event"] for each in paysim.notices()]
    statuses = paysim.deliver(paid, created, paid)

    assert statuses == [[200], [200], [200]]
    assert [notice.kind for notice in receiver.notices] == [PAID, "payment_intent.created", PAID]
    assert [each["status"] for each in paysim.notices()] == [200, 0, 200]
    paysim.hold_notices(hold=False)
    receiver.await_notices(1, "charge.succeeded")


@pytest.mark.slow
def test_notices_overtake_each_other(paysim, receiver):
    paysim.faults(notice_shuffle_ms=300, seed=1)
    intents = [an_intent(paysim)["id"] for _ in range(12)]
    receiver.await_notices(12)
    came = [notice.event(WEBHOOK_SECRET).data.object.id for notice in receiver.notices]

    assert sorted(came) == sorted(intents)
    assert came != intents


def test_an_endpoint_of_the_api_gets_what_it_wants_signed_by_its_own_secret(paysim):
    with Receiver().running() as other:
        endpoint = paysim.api(
            "POST", "webhook_endpoints", **{"url": other.url, "enabled_events[]": "charge.succeeded"}
        ).json()
        a_paid_intent(paysim)
        (notice,) = other.await_notices(1)

        assert notice.event(endpoint["secret"]).type == "charge.succeeded"
        with pytest.raises(stripe.SignatureVerificationError):
            notice.event(WEBHOOK_SECRET)
        await_that(lambda: all(each["status"] for each in paysim.notices()), paysim.notices)
        assert len(other.notices) == 1
        # Its endpoint goes with it.
        paysim.reset()


@pytest.mark.slow
def test_two_secrets_sign_while_one_takes_the_place_of_the_other(receiver):
    receiver.notices.clear()
    with start_paysim("--webhook-url", receiver.url, "--webhook-secret", "whsec_new,whsec_old") as sim:
        an_intent(sim)
        (notice,) = receiver.await_notices(1)

    assert notice.signature.count("v1=") == 2
    assert notice.event("whsec_new").id == notice.event("whsec_old").id


@pytest.mark.long
def test_a_notice_outlives_the_process(tmp_path):
    with Receiver().running() as receiver:
        options = ("--webhook-url", receiver.url, "--notice-pause-ms", "20")
        with start_paysim(*options, database=tmp_path / "paysim.sqlite3") as sim:
            sim.hold_notices()
            intent = an_intent(sim)
            sim.kill()
            sim.start()
            sim.hold_notices(hold=False)
            (notice,) = receiver.await_notices(1)

    assert notice.event(WEBHOOK_SECRET).data.object.id == intent["id"]
