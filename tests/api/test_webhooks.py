"""Where payment gateways ring: who is heard, what is kept of it, and what everybody else gets."""

import json
import uuid

import pytest
from django.conf import settings as site
from django.db import OperationalError
from django.test import Client

from bookings import wiring
from bookings.errors import TemporarilyUnavailable
from bookings.models import GatewayNotice
from bookings.observability.metrics import NOTICES
from bookings.services.payments import receive_notice as receiving
from tests.support.notices import FORGED, NEXT_SECRET, Bell, ring
from tests.support.scrapes import growth
from tests.support.signed_notices import SECRET, an_event, signature
from tests.support.stripe import stripe_at

pytestmark = pytest.mark.django_db

KIB = 1024


@pytest.fixture(autouse=True)
def bell(monkeypatch):
    """The only gateway that there is."""
    bell = Bell()
    monkeypatch.setattr(wiring, "payment_gateways", lambda: {"bell": bell})
    return bell


def counted(outcome):
    return NOTICES.labels(outcome)._value.get()


def said(answer):
    return answer.status_code, answer.content.decode()


def padded(size):
    event = an_event()
    return event + b" " * (size - len(event))


def test_a_genuine_notice_is_kept_without_what_it_says(bell):
    key = uuid.uuid4()

    answer = ring(an_event("evt_1", "pi_7", payment=str(key)))

    assert said(answer) == (200, "stored")
    row = GatewayNotice.objects.get()
    assert (row.gateway, row.event_id, row.kind, row.object_id, row.payment_key) == (
        *("bell", "evt_1", "payment", "pi_7"),
        key,
    )
    assert (row.state, row.claims, row.next_at) == ("new", 0, row.received_at)


@pytest.mark.parametrize(
    ("what", "kind"),
    [("payment_intent", "payment"), ("refund", "refund"), ("charge", "refund"), ("dispute", "dispute")],
)
def test_what_it_is_about_is_kept(what, kind):
    ring(an_event(about="thing_1", what=what))

    assert list(GatewayNotice.objects.values_list("kind", "object_id")) == [(kind, "thing_1")]


def test_a_notice_that_comes_again_is_kept_once():
    answers = [said(ring(an_event("evt_1", about))) for about in ("pi_1", "pi_1", "pi_2")]

    assert answers == [(200, "stored"), (200, "known"), (200, "known")]
    assert list(GatewayNotice.objects.values_list("object_id", flat=True)) == ["pi_1"]


def test_two_events_that_differ_in_a_capital_are_two():
    answers = [said(ring(an_event(name))) for name in ("evt_a", "evt_A")]

    assert answers == [(200, "stored")] * 2


def test_the_same_name_of_another_gateway_is_another_event(monkeypatch):
    monkeypatch.setattr(wiring, "payment_gateways", lambda: {"bell": Bell(), "gong": Bell()})

    answers = [said(ring(an_event(), gateway=gateway)) for gateway in ("bell", "gong")]

    assert answers == [(200, "stored")] * 2


def test_what_this_service_has_nothing_of_is_answered_and_not_kept():
    answer = ring(an_event(what="payout"))

    assert said(answer) == (200, "ignored")
    assert GatewayNotice.objects.count() == 0


def test_while_the_secret_changes_both_are_right(monkeypatch):
    both = Bell(NEXT_SECRET, SECRET)
    monkeypatch.setattr(wiring, "payment_gateways", lambda: {"bell": both})

    answers = [
        ring(body, signed=signature(body, secret=secret)).status_code
        for body, secret in ((an_event("evt_1"), SECRET), (an_event("evt_2"), NEXT_SECRET))
    ]

    assert answers == [200, 200]


@pytest.mark.slow
@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_what_is_forged_is_refused_and_nothing_is_written(forge):
    before = counted("not_genuine")
    body, signed = forge(an_event())

    answer = ring(body, signed=signed)

    assert said(answer) == (400, "This is not a genuine notice.")
    assert GatewayNotice.objects.count() == 0
    assert counted("not_genuine") == before + 1


@pytest.mark.slow
def test_stripes_own_gateway_refuses_them_all(monkeypatch):
    """What the double of the tests above refuses, the product's reader of Stripe's notices does."""
    monkeypatch.setattr(
        wiring, "payment_gateways", lambda: {"stripe": stripe_at("http://127.0.0.1:1", webhook_secrets=[SECRET])}
    )
    answers = {}
    for name, forge in FORGED.items():
        body, signed = forge(an_event())
        answers[name] = said(ring(body, gateway="stripe", signed=signed))
    answers["too large"] = said(ring(padded(256 * KIB + 1), gateway="stripe"))
    # Without our mark it is about a payment of another system.
    of_another = answers.pop("a mark that is no key")

    assert answers.pop("too large") == (413, "The body is larger than 256 KiB.")
    assert set(answers.values()) == {(400, "This is not a genuine notice.")}, answers
    assert list(GatewayNotice.objects.values_list("payment_key", flat=True)) == [None]
    assert of_another == (200, "stored")
    assert said(ring(an_event("evt_2"), gateway="stripe")) == (200, "stored")


def test_there_are_more_than_fifty_forgeries():
    assert len(FORGED) > 50


def test_a_signature_in_another_place_is_none():
    body = an_event()

    answers = [
        ring(body, signed=None, headers={"X-Stripe-Signature": signature(body)}),
        ring(body, signed=None, headers={"Authorization": f"Bearer {signature(body)}"}),
        ring(body, signed=None, QUERY_STRING=f"Stripe-Signature={signature(body)}"),
        ring(body, signed=None, headers={"Cookie": f"Stripe-Signature={signature(body)}"}),
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert GatewayNotice.objects.count() == 0


def test_an_empty_body_is_refused():
    assert ring(b"").status_code == 400


def test_a_notice_may_be_larger_than_what_clients_send():
    assert said(ring(padded(256 * KIB))) == (200, "stored")


@pytest.mark.parametrize("size", [256 * KIB + 1, 1024 * KIB, 3 * 1024 * KIB])
def test_a_larger_one_is_refused_unread(size):
    answer = ring(padded(size))

    assert said(answer) == (413, "The body is larger than 256 KiB.")
    assert GatewayNotice.objects.count() == 0


def test_a_client_may_not_send_more_for_it(api):
    answer = api.create(b" " * (64 * KIB + 1))

    assert answer.status_code == 413
    assert answer.json()["error"]["explanation"] == "The body is larger than 64 KiB."


@pytest.mark.parametrize("length", ["-1", "1_0", "", "9" * 30, "ten", "1,1"])
def test_a_length_that_is_none_is_refused(length):
    answer = ring(an_event(), CONTENT_LENGTH=length)

    assert answer.status_code in (400, 413)
    assert GatewayNotice.objects.count() == 0


@pytest.mark.parametrize("gateway", ["nothing", "Bell", "bell%20", "bell/more", "..%2fbell", "instant'--", "", "é"])
def test_there_is_no_other_gateway(gateway):
    answer = ring(an_event(), gateway=gateway)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/plain"
    assert GatewayNotice.objects.count() == 0


def test_the_address_itself_is_none():
    assert [Client().post(path).status_code for path in ("/webhooks", "/webhooks/")] == [404, 404]


def test_a_slash_at_the_end_is_the_same_address():
    assert ring(an_event(), gateway="bell/").status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_a_notice_is_taken(method):
    body = an_event()

    answer = Client().generic(method, "/webhooks/bell", body, headers={"Stripe-Signature": signature(body)})

    assert answer.status_code == 405
    assert GatewayNotice.objects.count() == 0


@pytest.mark.parametrize(
    "error", [OperationalError(2013, "gone"), OperationalError(1205, "wait"), TemporarilyUnavailable(retry_after=5)]
)
def test_while_the_database_is_away_the_gateway_is_told_to_come_again(monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(receiving, "_keep", fail)

    answer = ring(an_event())

    assert said(answer) == (503, "Not now. Send it again later.")
    assert answer.headers["Retry-After"] == "5"


def test_a_fault_of_ours_is_no_500_and_says_nothing(bell, monkeypatch):
    def fail(*_args):
        raise RuntimeError("canary")

    monkeypatch.setattr(bell, "read_notice", fail)

    answer = ring(an_event())

    assert said(answer) == (503, "Not now. Send it again later.")


def test_no_cookie_session_or_token_is_looked_at(django_assert_num_queries):
    with django_assert_num_queries(2):  # the notice, and what wakes the worker
        answer = ring(
            an_event(),
            headers={"Cookie": f"{site.SESSION_COOKIE_NAME}=x; {site.CSRF_COOKIE_NAME}=y", "Authorization": "Bearer x"},
        )

    assert answer.status_code == 200
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "session")


def test_a_forged_notice_reads_no_table(django_assert_num_queries):
    with django_assert_num_queries(0):
        ring(an_event(), signed="t=1,v1=2")


def test_every_answer_has_the_headers_and_the_id_of_its_request():
    answers = [
        ring(an_event(), headers={"X-Request-ID": "ring-1"}),
        ring(an_event(), signed=None, headers={"X-Request-ID": "ring-1"}),
        ring(an_event(), gateway="nothing", headers={"X-Request-ID": "ring-1"}),
        ring(padded(300 * KIB), headers={"X-Request-ID": "ring-1"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 404, 413]
    for answer in answers:
        assert answer.headers["X-Request-ID"] == "ring-1"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_headers_have_bounds():
    assert ring(an_event(), headers={"X-Large": "a" * 16 * KIB}).status_code == 431


def test_a_host_that_is_not_ours_is_refused():
    assert ring(an_event(), headers={"Host": "evil.example.org"}).status_code == 400


@pytest.mark.slow
def test_requests_are_counted_by_the_form_of_the_address(api):
    grown = growth(api, lambda: ring(an_event()))

    assert grown["bookings_http_requests_total POST /webhooks/{gateway} 200"] == 1
    assert grown["bookings_notices_total stored"] == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_nothing_is_sent_on_to_where_there_is_tls(settings, method):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$", r"^webhooks(/|$)"]

    answer = Client().generic(method, "/webhooks/bell", an_event())

    assert answer.status_code == (403 if method == "POST" else 405)
    assert "Location" not in answer.headers


def test_no_log_line_has_anything_of_a_notice(caplog, capsys):
    key = str(uuid.uuid4())
    body = json.dumps({**json.loads(an_event("evt_canary", "pi_canary", payment=key)), "note": "canary"}).encode()

    ring(body)
    ring(body, signed="t=1,v1=canary")

    written = caplog.text + "".join(capsys.readouterr())
    assert "canary" not in written
    assert key not in written
