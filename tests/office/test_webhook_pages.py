"""Endpoints of webhooks and what is delivered to them, in the back office: seen by all, managed by a right."""

import re

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from bookings.deadline import Deadline
from bookings.lifecycle import News
from bookings.models import Announcement, ApiKey, Message, WebhookDelivery, WebhookEndpoint, WebhookReplay
from bookings.office.upkeep.open_work import counts as counts_of_the_menu
from bookings.ports.webhooks import TurnedDown
from bookings.services.webhooks.again import go_on_with_replays
from bookings.services.webhooks.endpoints import Owner
from tests.support.callers import a_service_key
from tests.support.people import a_person, desk_of, fields_of, text_of
from tests.support.webhooks import FakeWebhooks, a_report, an_endpoint, announcements, send_due, to_deliver

pytestmark = pytest.mark.django_db

ENDPOINTS, DELIVERIES = "/admin/bookings/webhookendpoint/", "/admin/bookings/webhookdelivery/"


@pytest.fixture
def desk():
    """The browser of a supervisor."""
    return desk_of(a_person("sue", group="Supervisor"))


def a_service(name="crm"):
    a_service_key(name=name)
    return Owner(ApiKey.objects.latest("pk").key_id)


def shown(desk, row):
    """What the page of an endpoint or a delivery says."""
    kind = ENDPOINTS if isinstance(row, WebhookEndpoint) else DELIVERIES
    return text_of(desk.get(f"{kind}{row.pk}/change/"))


def act(desk, endpoint, word, *, page=None, **typed):
    """Open the page of an action, fill its form in, and send it; or send one that was opened before."""
    address = f"{ENDPOINTS}{endpoint.pk}/{word}/"
    page = page or desk.get(address)
    return desk.post(address, {**fields_of(page), **typed})


def record_of(endpoint):
    return list(endpoint.events.order_by("pk").values_list("what", "actor_name", "note"))[1:]


def rows_of(answer):
    return [row.pk for row in answer.context["cl"].result_list]


def a_failing_endpoint(url="https://hooks.example.org/a", answer="<b>no</b>", **made):
    """One whose receiver has refused what was sent to it."""
    endpoint = an_endpoint(url, **made).endpoint
    row = to_deliver(endpoint, announcements(1))[-1]
    receivers = FakeWebhooks()
    receivers.says(TurnedDown(500, answer=answer), url=url)
    send_due(receivers)
    endpoint.refresh_from_db()
    row.refresh_from_db()
    return endpoint, row


@pytest.mark.slow
def test_an_endpoint_is_shown_with_what_it_has_not_got_and_without_its_secrets(desk):
    made = an_endpoint(types=[News.PAID, News.HELD], owner=a_service("crm"))
    to_deliver(made.endpoint, announcements(3))
    WebhookDelivery.objects.filter(pk=WebhookDelivery.objects.last().pk).update(
        state="dead", died_at=F("created_at"), next_at=None
    )

    listed, page = desk.get(ENDPOINTS), desk.get(f"{ENDPOINTS}{made.endpoint.pk}/change/")

    for said in (text_of(listed), text_of(page)):
        assert re.search(r"Active\b.* crm\b.* 2, since 20.* 1\b", said)
        assert "hooks.example.org/a" in said
        assert made.secret.removeprefix("whsec_") not in said
    assert "booking.held, booking.paid" in text_of(page)
    for state, count in (("", 2), ("&is=dead", 1)):
        address = f"{DELIVERIES}?endpoint={made.endpoint.pk}{state}"
        assert f'href="{address.replace("&", "&amp;")}">{count}<' in page.content.decode()
        assert len(rows_of(desk.get(address))) == count


def test_the_page_of_an_endpoint_says_what_its_owner_was_told(desk):
    endpoint = an_endpoint().endpoint
    assert "Mails to its owner" not in shown(desk, endpoint)
    a_report(endpoint, kind="failing_hour", state="sent")
    a_report(endpoint, kind="failing_day", state="refused", last_error="550 no such mailbox")

    said = shown(desk, endpoint).partition("Mails to its owner ")[2].partition(" History")[0]

    assert re.sub(r"20\S+ \S+ ", "", said) == (
        "Failing for a day \u25a0 Refused 550 no such mailbox Failing for an hour \u25cf Sent"
    )


@pytest.mark.slow
def test_endpoints_are_listed_by_their_state_and_those_that_fail_are_counted_on_the_start_page(desk):
    failing, _row = a_failing_endpoint()
    rows = {"failing": failing, "active": failing}
    for state in ("new", "paused", "disabled", "retired"):
        rows[state] = an_endpoint(f"https://hooks.example.org/{state}").endpoint
        why = "wrong address" if state == "disabled" else ""
        WebhookEndpoint.objects.filter(pk=rows[state].pk).update(state=state, disabled_why=why)

    listed = {state: rows_of(desk.get(f"{ENDPOINTS}?is={state}")) for state in rows}
    under_way = {str(line.name): line for line in desk.get("/admin/").context["under_way"]}

    assert listed == {state: [endpoint.pk] for state, endpoint in rows.items()}
    assert rows_of(desk.get(ENDPOINTS)) == [rows[state].pk for state in ("disabled", "paused", "new", "failing")]
    line = under_way["Webhook endpoints that fail"]
    assert (line.address, str(line.count.text), line.count.tone) == (f"{ENDPOINTS}?is=failing", "1", "busy")
    assert "1 sending in a row has failed, since" in shown(desk, failing)
    assert "not written down for it: wrong address" in shown(desk, rows["disabled"])


@pytest.mark.slow
@pytest.mark.parametrize("address", [ENDPOINTS, DELIVERIES, "endpoint", "delivery"])
def test_a_page_costs_as_many_statements_with_many_rows_as_with_one(desk, address):
    desk.get("/admin/bookings/")  # the first page of a session writes to it
    endpoint, row = a_failing_endpoint(owner=a_service())
    address = {"endpoint": f"{ENDPOINTS}{endpoint.pk}/change/", "delivery": f"{DELIVERIES}{row.pk}/change/"}.get(
        address, address
    )
    counts = []
    for more in (0, 3):
        for number in range(more):
            other = an_endpoint(f"https://hooks.example.org/{number}", owner=a_service()).endpoint
            to_deliver(other, announcements(2))
            act(desk, endpoint, "ping")
            row.attempts.create(status=500, milliseconds=1, error="HTTP 500", created_at=row.created_at)
        counts_of_the_menu.forget()
        with CaptureQueriesContext(connection) as captured:
            answer = desk.get(address)
        counts.append((answer.status_code, len(captured)))

    assert counts[0] == counts[1]


@pytest.mark.slow
def test_staff_pause_enable_disable_and_retire_an_endpoint_each_with_a_reason_on_record(desk):
    endpoint = an_endpoint().endpoint
    states = []

    for word in ("pause", "enable", "disable", "enable", "retire"):
        answer = act(desk, endpoint, word, note=f"to {word}", **({"is_sure": "on"} if word == "retire" else {}))
        endpoint.refresh_from_db()
        states.append((answer.status_code, endpoint.state, endpoint.disabled_why))

    assert states == [
        (302, "paused", ""),
        (302, "active", ""),
        (302, "disabled", "to disable"),
        (302, "active", ""),
        (302, "retired", ""),
    ]
    assert record_of(endpoint) == [
        (what, "sue", f"to {word}")
        for what, word in [
            ("paused", "pause"),
            ("enabled", "enable"),
            ("disabled", "disable"),
            ("enabled", "enable"),
            ("retired", "retire"),
        ]
    ]
    assert "Retired by staff sue to retire request desk-1" in shown(desk, endpoint)
    assert "/retire/" not in desk.get(f"{ENDPOINTS}{endpoint.pk}/change/").content.decode()


@pytest.mark.slow
def test_a_ping_is_sent_and_a_replay_sends_what_is_dead(desk):
    endpoint = an_endpoint().endpoint
    rows = to_deliver(endpoint, announcements(2))
    WebhookDelivery.objects.filter(pk=rows[0].pk).update(state="dead", died_at=F("created_at"), next_at=None)
    receivers = FakeWebhooks()
    send_due(receivers)

    act(desk, endpoint, "ping")
    act(desk, endpoint, "replay", hours="1", only_dead="on", note="they had no disk")
    go_on_with_replays(deadline=Deadline(5))
    send_due(receivers)

    assert [key.partition("_")[0] for key in receivers.ids()] == ["evt", "evt", "ping"]
    assert receivers.ids()[:2] == [rows[1].announcement.key, rows[0].announcement.key]
    assert record_of(endpoint) == [("pinged", "sue", ""), ("replayed", "sue", "they had no disk")]
    assert WebhookReplay.objects.get().only_dead
    assert "only what was never delivered Sent once more 1" in shown(desk, endpoint)


@pytest.mark.slow
def test_a_form_that_is_incomplete_or_about_another_state_changes_nothing_and_keeps_what_was_typed(desk):
    endpoint = an_endpoint().endpoint
    old = desk.get(f"{ENDPOINTS}{endpoint.pk}/disable/")
    act(desk, endpoint, "pause", note="first")

    late = act(desk, endpoint, "disable", page=old, note="second")
    for word in ("enable", "retire"):
        assert act(desk, endpoint, word, page=old, note="second", is_sure="on").status_code == 412, word
    answers = {
        "why": act(desk, endpoint, "enable", note=""),
        "sure": act(desk, endpoint, "retire", note="gone"),
        "hours": act(desk, endpoint, "replay", note="all", hours="721"),
        "seen": act(desk, endpoint, "disable", page=desk.get("/admin/"), note="no version"),
    }
    impossible = desk.get(f"{ENDPOINTS}{endpoint.pk}/pause/")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(state="retired")
    retired = act(desk, endpoint, "ping", page=old)

    assert late.status_code == 412
    assert "The endpoint has changed since this page was shown. Nothing was changed." in text_of(late)
    assert ">\nsecond</textarea>" in late.content.decode()
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "This form is broken" in text_of(answers["seen"])
    assert "cannot be done to the endpoint as it is now" in text_of(impossible)
    assert (retired.status_code, "It has been retired." in text_of(retired)) == (404, True)
    assert record_of(endpoint) == [("paused", "sue", "first")]
    assert desk.get(f"{ENDPOINTS}{endpoint.pk + 1}/ping/").status_code == 404


@pytest.mark.slow
def test_a_delivery_is_shown_with_its_body_and_each_sending_that_failed(desk):
    _endpoint, row = a_failing_endpoint()

    page = desk.get(f"{DELIVERIES}{row.pk}/change/")

    said = text_of(page)
    for expected in ("Failed, is sent again", "HTTP 500", row.announcement.key, row.announcement.booking.reference):
        assert expected in said
    assert "&quot;type&quot;: &quot;booking.held&quot;" in page.content.decode()
    assert "&lt;b&gt;no&lt;/b&gt;" in page.content.decode()
    assert "<b>no</b>" not in page.content.decode()


@pytest.mark.slow
def test_deliveries_are_listed_by_endpoint_and_state_and_found_by_what_they_are_about(desk):
    failing, row = a_failing_endpoint()
    other = an_endpoint("https://hooks.example.org/b").endpoint
    delivered, dead = to_deliver(other, announcements(1, bookings=1))[-2:]
    send_due(FakeWebhooks())
    WebhookDelivery.objects.filter(pk=dead.pk).update(
        state="dead", died_at=F("created_at"), next_at=None, delivered_at=None
    )
    retired = an_endpoint("https://hooks.example.org/c").endpoint
    WebhookEndpoint.objects.filter(pk=retired.pk).update(state="retired")

    for query, found in {
        "": [row],
        "is=delivered": [delivered],
        "is=dead": [dead],
        f"endpoint={failing.pk}": [row],
        f"endpoint={other.pk}&is=dead": [dead],
        f"endpoint={retired.pk}": [],
        f"q={dead.announcement.key}": [dead],
        f"q={dead.announcement.booking.reference}": [dead],
        f"q=ping_{row.pk}": [row],
        "q=nothing": [],
    }.items():
        assert (query, rows_of(desk.get(f"{DELIVERIES}?{query}"))) == (query, [each.pk for each in found])
    assert desk.get(f"{DELIVERIES}?endpoint={retired.pk + 1}").status_code == 400


@pytest.mark.slow
def test_a_delivery_is_sent_once_more_unless_its_endpoint_is_retired(desk):
    endpoint = an_endpoint().endpoint
    (row,) = to_deliver(endpoint, announcements(1))
    receivers, address = FakeWebhooks(), f"{DELIVERIES}{row.pk}/again/"
    send_due(receivers)

    assert "with the same id and the same body" in text_of(desk.get(address))
    sent = desk.post(address)
    send_due(receivers)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(state="paused")
    waits = desk.post(address, follow=True)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(state="retired")
    refused = desk.post(address)

    assert (sent.status_code, receivers.ids()) == (302, [row.announcement.key] * 2)
    assert "It waits for its endpoint." in text_of(waits)
    assert (refused.status_code, "Its endpoint has been retired. Nothing was changed." in text_of(refused)) == (
        404,
        True,
    )
    assert "nothing is sent there any more" in shown(desk, row)
    assert record_of(endpoint) == [("redelivered", "sue", "")] * 2
    assert desk.get(f"{DELIVERIES}{row.pk + 1}/again/").status_code == 404


@pytest.mark.slow
def test_who_may_only_see_changes_nothing_and_who_may_not_see_does_not(desk):
    endpoint, row = a_failing_endpoint()
    actions = [
        f"{ENDPOINTS}{endpoint.pk}/{word}/" for word in ("ping", "replay", "pause", "enable", "disable", "retire")
    ]
    pages = [ENDPOINTS, DELIVERIES, f"{ENDPOINTS}{endpoint.pk}/change/", f"{DELIVERIES}{row.pk}/change/"]
    before = (WebhookEndpoint.objects.values().get(), WebhookDelivery.objects.values().get())
    support, nobody = desk_of(a_person("tom", group="Support")), desk_of(a_person("nobody"))

    assert [support.get(page).status_code for page in pages] == [200] * 4
    assert "needs the right bookings.manage_webhooks" in shown(support, endpoint)
    assert "needs the right bookings.manage_webhooks" in shown(support, row)
    for address in (*actions, f"{DELIVERIES}{row.pk}/again/"):
        typed = {"seen": "1", "note": "x", "hours": "1", "is_sure": "on"}
        assert [support.get(address).status_code, support.post(address, typed).status_code] == [403, 403], address
    assert [nobody.get(page).status_code for page in pages] == [403] * 4
    assert desk.post(pages[2], {"state": "retired"}).status_code == 403
    assert (WebhookEndpoint.objects.values().get(), WebhookDelivery.objects.values().get()) == before
    assert record_of(endpoint) == []


@pytest.mark.slow
def test_the_page_of_a_booking_says_who_was_told_what_at_a_fixed_cost(desk, flights):
    endpoint, row = a_failing_endpoint()
    booking, page = row.announcement.booking, f"/admin/bookings/booking/{row.announcement.booking_id}/change/"
    desk.get("/admin/")
    costs = []
    for sequence in (2, 3, 4):
        counts_of_the_menu.forget()
        with CaptureQueriesContext(connection) as captured:
            desk.get(page)
        costs.append(len(captured))
        told = announced(booking, sequence)
        if sequence > 2:
            to_deliver(endpoint, [told])
    send_due(FakeWebhooks())
    for channel, state, why in (("mail", "refused", "RCPT: 550 5.1.1 no"), ("sms", "unknown", "answer too slow")):
        Message.objects.create(
            announcement=told,
            channel=channel,
            state=state,
            last_error=why,
            ended_at=told.created_at,
            worthless_at=told.created_at,
            created_at=told.created_at,
        )

    last = desk.get(page)

    assert (costs[0], costs[1]) == (costs[1], costs[2])
    (section,) = re.findall(r"Who was told what (.*) Case It is no case", text_of(last))
    assert re.search(r"^\S+ \S+ 1\. Seats held booking\.held \S*hooks.example.org/a . Failed, is sent again", section)
    assert re.search(r"2\. Paid booking\.paid To no endpoint of webhooks", section)
    assert re.search(r"4\. Paid booking\.paid Mail to the traveler . Refused", section)
    assert re.search(r"RCPT: 550 5\.1\.1 no SMS to the traveler . Sent without an answer: may have arrived", section)
    assert re.search(r"answer too slow \S*hooks.example.org/a . Delivered \S+ \S+$", section)
    assert "hooks.example.org" not in text_of(desk_of(a_person("bob", "view_booking")).get(page))


def announced(booking, sequence):
    """Let others be told that a booking is paid."""
    held = Announcement.objects.get(booking=booking, sequence=1)
    columns = {"occurred_at": held.occurred_at, "facts": held.facts, "created_at": held.created_at}
    return Announcement.objects.create(
        key=f"evt_{sequence}", booking=booking, sequence=sequence, type=News.PAID, **columns
    )
