"""A notice counts if one of our secrets has signed it within five minutes; then only what it is about is read."""

import json
from datetime import UTC, datetime

import pytest
import stripe as library

from bookings.gateways.payments.stripe import notices
from bookings.ports import NotGenuine, Notice, NoticeKind
from tests.support.stripe import (
    CHARGE_ID,
    DISPUTE_ID,
    INSTALLATION,
    KEY,
    PAYMENT_ID,
    REFUND_ID,
    WEBHOOK_SECRET,
    event,
    payment_intent,
    refund,
    signed,
    stripe_at,
)

NOW = 1_796_000_200
OTHER_SECRET = "whsec_another0123456789"


@pytest.fixture
def stripe():
    return stripe_at("http://127.0.0.1:1")


def read(body, headers, *, secrets=(WEBHOOK_SECRET,), now=NOW):
    return notices.read_notice(body, headers, secrets=secrets, installation=INSTALLATION, clock=lambda: now)


def test_a_signed_notice_says_what_to_look_at(stripe):
    body = event()

    assert stripe.read_notice(body, signed(body)) == Notice(
        event_id="evt_1Qf",
        kind=NoticeKind.PAYMENT,
        object_id=PAYMENT_ID,
        payment_key=KEY,
        made_at=datetime.fromtimestamp(NOW, UTC),
    )


def test_stripes_own_library_signs_and_verifies_the_same():
    body = event()
    headers = {
        "stripe-signature": library.WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET, NOW)
    }

    assert read(body, headers).event_id == "evt_1Qf"
    ours = signed(body)["Stripe-Signature"]
    assert library.WebhookSignature.verify_header(body.decode(), ours, WEBHOOK_SECRET, 300)


ABOUT = {
    "payment_intent.succeeded": (payment_intent("succeeded"), NoticeKind.PAYMENT, PAYMENT_ID, KEY),
    "payment_intent.payment_failed": (payment_intent(), NoticeKind.PAYMENT, PAYMENT_ID, KEY),
    "payment_intent.canceled": (payment_intent("canceled"), NoticeKind.PAYMENT, PAYMENT_ID, KEY),
    "payment_intent.processing": (payment_intent("processing"), NoticeKind.PAYMENT, PAYMENT_ID, KEY),
    "refund.created": (refund("pending"), NoticeKind.REFUND, PAYMENT_ID, KEY),
    "refund.updated": (refund(), NoticeKind.REFUND, PAYMENT_ID, KEY),
    "refund.failed": (refund("failed"), NoticeKind.REFUND, PAYMENT_ID, KEY),
    "charge.refund.updated": (refund(), NoticeKind.REFUND, PAYMENT_ID, KEY),
    "charge.refunded": (
        {"object": "charge", "id": CHARGE_ID, "payment_intent": PAYMENT_ID, "metadata": refund()["metadata"]},
        *(NoticeKind.REFUND, PAYMENT_ID, KEY),
    ),
    "refund.of_no_payment": (refund(payment_intent=None), NoticeKind.REFUND, REFUND_ID, KEY),
    "charge.dispute.created": ({"object": "dispute", "id": DISPUTE_ID}, NoticeKind.DISPUTE, DISPUTE_ID, None),
    "charge.succeeded": ({"object": "charge", "id": CHARGE_ID}, NoticeKind.OTHER, CHARGE_ID, None),
    "payout.paid": ({"object": "payout", "id": "po_1"}, NoticeKind.OTHER, "po_1", None),
}


@pytest.mark.parametrize("kind", ABOUT)
def test_what_a_notice_is_about(kind):
    about, what, object_id, key = ABOUT[kind]
    body = event(kind, about)

    notice = read(body, signed(body, at=NOW))

    assert (notice.kind, notice.object_id, notice.payment_key) == (what, object_id, key)


@pytest.mark.parametrize("marks", [{}, None, {"payment_key": str(KEY)}, {"payment_key": str(KEY), "installation": "b"}])
def test_a_payment_of_another_installation_is_none_of_ours(marks):
    body = event(about=payment_intent(metadata=marks))

    assert read(body, signed(body, at=NOW)).payment_key is None


@pytest.mark.parametrize("data", [None, [], {}, {"object": None}, {"object": {"id": 7, "metadata": 7}}])
def test_a_notice_about_nothing_is_still_one(data):
    body = event(data=data)

    notice = read(body, signed(body, at=NOW))

    assert (notice.event_id, notice.object_id, notice.payment_key) == ("evt_1Qf", "", None)


# --- secrets and time -----------------------------------------------------------------------------------


def test_while_a_secret_is_changed_either_is_good():
    body = event()

    for signers in ([WEBHOOK_SECRET], [OTHER_SECRET], [OTHER_SECRET, WEBHOOK_SECRET]):
        headers = signed(body, *signers, at=NOW)
        assert read(body, headers, secrets=[OTHER_SECRET, WEBHOOK_SECRET]).event_id == "evt_1Qf"


@pytest.mark.parametrize(("off", "is_read"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_signature_is_good_for_five_minutes_to_either_side(off, is_read):
    body = event()
    headers = signed(body, at=NOW + off)

    if is_read:
        assert read(body, headers).event_id == "evt_1Qf"
    else:
        with pytest.raises(NotGenuine, match="signed at another time"):
            read(body, headers)


GOOD = signed(event(), at=NOW)["Stripe-Signature"]
HASH = GOOD.partition("v1=")[2]
FORGED = {
    "none": "",
    "no pairs": "genuine",
    "no time": f"v1={HASH}",
    "two times": f"t={NOW},{GOOD}",
    "a time that is none": GOOD.replace(f"t={NOW}", "t=now"),
    "a time in other digits": GOOD.replace(f"t={NOW}", "t=١٧٩٦٠٠٠٢٠٠"),
    "a time below zero": GOOD.replace(f"t={NOW}", f"t=-{NOW}"),
    "an endless time": GOOD.replace(f"t={NOW}", "t=" + "9" * 3000),
    "no signature": f"t={NOW}",
    "an empty signature": f"t={NOW},v1=",
    "half a signature": GOOD[:-32],
    "a signature that is not ASCII": f"t={NOW},v1=" + "é" * 64,
    "in capitals": f"t={NOW},v1={HASH.upper()}",
    "of another scheme": GOOD.replace("v1=", "v0="),
    "by another secret": signed(event(), OTHER_SECRET, at=NOW)["Stripe-Signature"],
    "of another body": signed(event(id="evt_2"), at=NOW)["Stripe-Signature"],
    "of another time": signed(event(), at=NOW - 1)["Stripe-Signature"].replace(str(NOW - 1), str(NOW)),
    "too long": GOOD + ",v1=" + "a" * 5000,
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED)
def test_a_forged_notice_is_not_read(header):
    with pytest.raises(NotGenuine) as caught:
        read(event(), {"Stripe-Signature": header})

    assert str(caught.value) in ("no signature", "signed by another secret", "signed at another time")


def test_a_notice_without_a_signature_is_not_read():
    with pytest.raises(NotGenuine, match="no signature"):
        read(event(), {"X-Other": GOOD})


NO_EVENTS = {
    "not UTF-8": b"\xff\xfe\x00",
    "not JSON": b"evt",
    "empty": b"",
    "a list": b"[]",
    "too deep": b"[" * 50_000,
    "another object": json.dumps(payment_intent()).encode(),
    "without an id": event(id=None),
    "with an id that is none": event(id="evt 1"),
    "without a time": event(created=None),
    "at a time that is none": event(created=10**20),
    "of no kind": event(type=None),
    "of a kind that is none": event(type="Payment Intent"),
}


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS)
def test_what_is_signed_and_no_event_is_no_notice(body):
    with pytest.raises(NotGenuine, match="no event"):
        read(body, signed(body, at=NOW))


def test_a_body_is_not_parsed_before_it_is_proven(monkeypatch):
    monkeypatch.setattr(notices, "_event", lambda _body: pytest.fail("parsed"))

    with pytest.raises(NotGenuine):
        read(b"[" * 50_000, {"Stripe-Signature": GOOD})
