"""Owners of endpoints are told by mail how it stands with them, operators what did not arrive: once, while it is so."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from bookings import tasks, wiring
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Message, Report, SuppressedAddress, WebhookDelivery, WebhookEndpoint
from bookings.ports import NotSent, Unknown
from bookings.ports.messages import Refused, Sent
from bookings.ports.webhooks import TurnedDown
from bookings.queries.reports import is_report_due
from bookings.services.messages import report as writing
from bookings.services.messages.report import write_reports
from bookings.services.messages.send_reports import claim_report, record_report, send_reports
from bookings.services.shared.sealing import Seal
from bookings.services.upkeep.reap import reap_old_rows
from bookings.services.webhooks.endpoints import Wish, change_endpoint, disable_endpoint, retire_endpoint
from bookings.services.webhooks.reseal import reseal_secrets
from tests.support.bookings import STAFF
from tests.support.messages import a_refused_message
from tests.support.webhooks import (
    OPEN,
    OWNER,
    SEAL,
    URL,
    FakeWebhooks,
    an_endpoint,
    announcements,
    let_webhooks_wait,
    send_due,
    to_deliver,
)

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, OPERATORS = "Canary.Owner@example.org", "operators@example.org"
NEW = Seal([bytes(range(32, 64)), bytes(range(32))])


@pytest.fixture(autouse=True)
def no_hour_of_the_day(monkeypatch, settings):
    """What is counted once a day is counted at once."""
    monkeypatch.setattr(writing, "COUNTS_FROM_HOUR", 0)
    settings.OPERATORS_MAIL = ""


@pytest.fixture
def receivers():
    return FakeWebhooks()


def an_owned_endpoint(receivers, *, failing=True, url=URL):
    """Make one whose owner is told, and which has refused what it was sent just now."""
    endpoint = an_endpoint(url, contact_email=EMAIL).endpoint
    if failing:
        to_deliver(endpoint, announcements(1)[-1:])
        receivers.says(TurnedDown(500, answer="no"), url=url)
        send_due(receivers)
    return endpoint


def told(mail, *, seal=SEAL):
    """Do the work of a while; give the subjects of what was sent by it."""
    before = len(mail.mails)
    write_reports(deadline=Deadline(5))
    write_reports(deadline=Deadline(5))
    send_reports(mail=mail, seal=seal, deadline=Deadline(5))
    return [each.subject for each in mail.mails[before:]]


def wait(**time):
    """Let time pass for webhooks and reports."""
    let_webhooks_wait(**time)
    WebhookDelivery.objects.exclude(died_at=None).update(died_at=F("died_at") - timedelta(**time))
    let_reports_wait(**time)


def let_reports_wait(**time):
    """Let time pass for reports alone: since when an endpoint fails is part of what they say."""
    earlier = timedelta(**time)
    for column in ("next_at", "ended_at", "until", "created_at"):
        Report.objects.exclude(**{column: None}).update(**{column: F(column) - earlier})


def ends():
    return list(Report.objects.order_by("pk").values_list("kind", "state", "last_error"))


def change(endpoint, **wish):
    wish = Wish(**wish)
    return change_endpoint(key=endpoint.key, wish=wish, owner=OPEN, actor=OWNER, webhooks=FakeWebhooks(), seal=SEAL)


def test_an_owner_is_told_of_each_step_once_and_that_it_works_again(mail, receivers):
    endpoint = an_owned_endpoint(receivers)
    an_endpoint("https://hooks.example.org/b")
    wait(minutes=59)
    assert told(mail) == []
    wait(minutes=2)
    assert told(mail) == ["Your webhook endpoint has failed for an hour"]
    wait(hours=24)
    assert told(mail) == ["Your webhook endpoint has failed for a day"]
    assert [told(mail), told(mail)] == [[], []]

    to_deliver(endpoint, announcements(1)[-1:])
    send_due(receivers)
    assert told(mail) == ["Your webhook endpoint works again"]
    assert told(mail) == []
    hour, day, well = mail.mails
    assert [each.to for each in mail.mails] == [EMAIL] * 3
    assert len({each.key for each in mail.mails}) == 3
    assert endpoint.key in hour.text
    assert URL in day.text
    assert f"It had failed since {endpoint.created_at:%Y}" in well.text
    assert {state for _, state, _ in ends()} == {"sent"}


def test_one_that_works_again_before_the_mail_leaves_is_no_news(mail, receivers):
    endpoint = an_owned_endpoint(receivers)
    wait(hours=2)
    assert write_reports(deadline=Deadline(5)) == 1
    to_deliver(endpoint, announcements(1)[-1:])
    send_due(receivers)

    assert [told(mail), told(mail)] == [[], []]
    assert ends() == [("failing_hour", "skipped", "no longer so")]
    WebhookEndpoint.objects.update(state="disabled", disabled_why="by hand, with nothing on record")
    assert told(mail) == []


def test_a_paused_endpoint_is_no_news_nor_one_whose_owner_was_never_told(mail, receivers):
    endpoint = an_owned_endpoint(receivers)
    wait(hours=2)
    change(endpoint, state="paused")
    assert told(mail) == []
    change(endpoint, state="active")
    to_deliver(endpoint, announcements(1)[-1:])
    send_due(receivers)
    assert told(mail) == []
    assert not Report.objects.exists()


def test_a_disabled_endpoint_is_told_with_the_reason_and_taken_back_once_it_delivers(mail, receivers):
    endpoint = an_owned_endpoint(receivers)
    wait(days=5)
    WebhookDelivery.objects.update(next_at=database_time(), ends_at=database_time() + timedelta(hours=1))
    receivers.says(TurnedDown(500, answer="no"))
    send_due(receivers)
    assert told(mail) == ["Your webhook endpoint is disabled"]
    assert "No success for five days." in mail.mails[-1].text

    change(endpoint, state="active")
    assert told(mail) == []
    to_deliver(endpoint, announcements(1)[-1:])
    send_due(receivers)
    assert told(mail) == ["Your webhook endpoint works again"]
    wait(hours=1)
    disable_endpoint(key=endpoint.key, why="\u202ewrong\r\nsystem", actor=STAFF)
    assert told(mail) == ["Your webhook endpoint is disabled"]
    assert not {"\u202e", "\r"} & set(mail.mails[-1].text)
    WebhookEndpoint.objects.update(state="retired", disabled_why="")
    assert told(mail) == []


def test_what_was_never_delivered_is_told_once_a_day_and_nothing_is_counted_twice_or_left_out(mail, receivers):
    endpoint = an_owned_endpoint(receivers, failing=False)
    to_deliver(endpoint, announcements(3))
    wait(hours=73)
    receivers.always(TurnedDown(500, answer="no"))
    send_due(receivers)
    assert WebhookDelivery.objects.filter(state="dead").count() == 3
    assert told(mail) == []  # it may not all be seen yet
    wait(minutes=3)
    assert told(mail) == ["Webhooks that were never delivered to you: 3"]
    assert told(mail) == []

    Report.objects.update(key="yesterday")
    last = WebhookDelivery.objects.latest("pk")
    WebhookDelivery.objects.filter(pk=last.pk).update(died_at=database_time())
    wait(minutes=1)
    assert told(mail) == []
    wait(minutes=2)
    assert told(mail) == ["Webhooks that were never delivered to you: 1"]


def test_operators_are_told_what_did_not_arrive_and_only_where_they_are_named(mail, receivers, settings):
    endpoint = an_endpoint().endpoint
    long_ago = database_time() - timedelta(minutes=10)
    message = a_refused_message(settings)
    Message.objects.filter(pk=message.pk).update(state="unknown", ended_at=long_ago)
    row = to_deliver(endpoint, announcements(1)[-1:])[0]
    WebhookDelivery.objects.filter(pk=row.pk).update(state="dead", next_at=None, died_at=long_ago)
    assert told(mail) == []

    settings.OPERATORS_MAIL = OPERATORS
    assert told(mail) == ["Messages and webhooks that did not arrive"]
    assert told(mail) == []
    assert mail.mails[0].to == OPERATORS
    text = mail.mails[0].text
    assert ("1 messages to travelers may" in text, "0 messages to travelers were" in text, "1 webhooks" in text) == (
        True,
    ) * 3
    Report.objects.update(key="yesterday")
    assert told(mail) == []


def test_nothing_is_counted_before_its_hour_nor_written_where_no_mail_is_sent(mail, receivers, settings, monkeypatch):
    settings.OPERATORS_MAIL = OPERATORS
    endpoint = an_owned_endpoint(receivers)
    wait(minutes=30)
    long_ago = database_time() - timedelta(minutes=10)
    WebhookDelivery.objects.filter(endpoint=endpoint).update(state="dead", next_at=None, died_at=long_ago)
    monkeypatch.setattr(writing, "COUNTS_FROM_HOUR", 24)
    assert told(mail) == []
    monkeypatch.setattr(writing, "COUNTS_FROM_HOUR", 0)
    settings.MAIL_SERVER = ""
    assert told(mail) == []
    settings.MAIL_SERVER = "folder:"
    assert len(told(mail)) == 2


def test_each_report_is_sent_at_most_twice_while_it_is_of_use_and_to_an_address_that_is_there(mail, receivers):
    def a_report(url):
        WebhookEndpoint.objects.update(state="retired")
        endpoint = an_owned_endpoint(receivers, url=url)
        receivers.always(TurnedDown(500, answer="no"), url=url)
        wait(hours=2)
        write_reports(deadline=Deadline(5))
        return endpoint

    mail.says(Unknown("timed out"), Unknown("timed out"))
    a_report(URL)
    for minutes in (1, 3.9, 0.2, 6):
        told(mail)
        let_reports_wait(minutes=minutes)
    assert len(mail.mails) == 2
    assert len({each.key for each in mail.mails}) == 1
    assert ends()[-1] == ("failing_hour", "unknown", "timed out")

    mail.says(NotSent("connection refused"))
    a_report(URL + "/late")
    told(mail)
    let_reports_wait(minutes=1)
    Report.objects.exclude(last_error="").update(worthless_at=database_time())
    told(mail)
    assert ("failing_hour", "lapsed", "connection refused") in ends()

    gone = a_report(URL + "/gone")
    change(gone, contact_email="")
    told(mail)
    assert ("failing_hour", "skipped", "there is no address") in ends()

    mail.says(Refused("RCPT: 550 5.1.1 no"))
    a_report(URL + "/wrong")
    told(mail)
    assert SuppressedAddress.objects.count() == 1
    a_report(URL + "/wrong-too")
    told(mail)
    assert ("failing_hour", "skipped", "the address takes nothing") in ends()


def test_a_claim_is_one_process_and_an_answer_counts_as_for_other_messages(mail, receivers):
    an_owned_endpoint(receivers)
    wait(hours=2)
    write_reports(deadline=Deadline(5))
    report, lease = Report.objects.get(), uuid.uuid4()
    first, again = (claim_report(report.pk, lease=lease, seal=SEAL) for _ in range(2))
    assert first.address == again.address
    assert claim_report(report.pk, lease=uuid.uuid4(), seal=SEAL) is None
    let_reports_wait(minutes=5)
    assert claim_report(report.pk, lease=uuid.uuid4(), seal=SEAL) is not None
    record_report(first, Refused("550"))
    assert not SuppressedAddress.objects.exists()
    let_reports_wait(minutes=5)
    assert claim_report(report.pk, lease=uuid.uuid4(), seal=SEAL) is None
    assert ends()[-1][1] == "unknown"
    for _ in range(2):
        record_report(first, Sent())
    assert ends()[-1][1] == "sent"
    assert claim_report(report.pk, lease=lease, seal=SEAL) is None


def test_an_address_is_sealed_changed_and_forgotten_with_its_endpoint(mail, receivers):
    endpoint = an_owned_endpoint(receivers)
    sealed = bytes(WebhookEndpoint.objects.get(pk=endpoint.pk).contact_email)
    assert b"anary" not in sealed
    wait(hours=2)
    assert told(mail, seal=Seal([bytes(32)])) == []
    assert ends()[-1][1] == "pending"
    assert (reseal_secrets(seal=NEW), reseal_secrets(seal=NEW)) == (1, 0)
    let_reports_wait(minutes=5)
    assert told(mail, seal=Seal([bytes(range(32, 64))])) == ["Your webhook endpoint has failed for an hour"]
    change(endpoint, contact_email="eve@example.org")
    wait(days=1)
    told(mail)
    assert [each.to for each in mail.mails] == [EMAIL, "eve@example.org"]
    retire_endpoint(key=endpoint.key, owner=OPEN, actor=OWNER)
    assert WebhookEndpoint.objects.get(pk=endpoint.pk).contact_email is None


def test_the_tasks_write_send_and_reap_reports(mail, receivers, monkeypatch):
    monkeypatch.setattr(wiring, "seal", lambda: SEAL)
    monkeypatch.setattr(wiring, "mail", lambda: mail)
    an_owned_endpoint(receivers)
    wait(hours=2)
    assert not is_report_due(database_time())
    assert (tasks.write_reports(), tasks.write_reports()) == (1, 0)
    assert is_report_due(database_time())
    assert tasks.send_messages() == 1
    assert not is_report_due(database_time())
    for days, left in ((29, 1), (31, 0)):
        Report.objects.update(created_at=database_time() - timedelta(days=days))
        reap_old_rows(deadline=Deadline(20))
        assert Report.objects.count() == left


def test_the_database_refuses_reports_that_cannot_be(mail, receivers):
    an_owned_endpoint(receivers)
    wait(hours=2)
    write_reports(deadline=Deadline(5))
    report = Report.objects.get()
    wrong = (
        *({"state": "lost"}, {"kind": "fax"}, {"kind": "operators"}, {"endpoint": None}),
        *({"next_at": None}, {"state": "sent", "next_at": None}, {"ended_at": F("created_at")}),
    )
    for columns in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Report.objects.filter(pk=report.pk).update(**columns)
    report.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        report.save(force_insert=True)
