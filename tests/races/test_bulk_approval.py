"""
Two people decide about one bulk cancellation at once, or one person in two sessions: what is decided holds.

ROUNDS=100 runs each race a hundred times.
"""

import uuid
from functools import partial

import pytest
from django.db import IntegrityError

from bookings.actor import Actor, ActorKind
from bookings.errors import OwnApproval
from bookings.models import Booking, BulkCancel, BulkCancelRow
from bookings.services.bookings import approve_bulk_cancel as service
from bookings.services.bookings.approve_bulk_cancel import ApprovalDecision, decide_bulk_cancel
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_conditions, without_constraints, without_row_locks
from tests.races.places import APPROVAL_DECIDED
from tests.support.bookings import many_rows
from tests.support.bulk import SUPERVISOR, carry_out, start

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def one_person_cancels_one_booking(settings):
    settings.BULK_APPROVAL_BOOKINGS = 1


def by(name):
    return Actor(kind=ActorKind.STAFF, name=name, request_id=f"req-{name}")


def a_decision(bulk, *, approves, actor):
    """One person's decision, from a page of its own."""
    said = ApprovalDecision(approves=approves, note="" if approves else "no")
    return partial(decide_bulk_cancel, bulk_id=bulk.pk, decision=said, actor=actor, action_key=uuid.uuid4().hex)


def cancelled():
    return Booking.objects.filter(status="cancelled").count()


def states():
    return set(BulkCancelRow.objects.values_list("state", flat=True))


def test_of_two_who_decide_at_once_one_decides_and_both_are_told_the_same():
    for _ in rounds(5):
        many_rows(3)
        bulk = start()
        approve, refuse = (a_decision(bulk, approves=yes, actor=by(name)) for yes, name in ((True, "a"), (False, "b")))

        told = all_at_once([approve, refuse])
        carry_out()

        bulk.refresh_from_db()
        assert {(each.approval, each.decided_by) for each in told} == {(bulk.approval, bulk.decided_by)}
        became = {"approved": ({"cancelled"}, 3), "refused": ({"skipped"}, 0)}[bulk.approval]
        assert (states(), cancelled()) == became
        forget_everything()


def test_who_refuses_while_another_one_approves_waits_and_is_told(monkeypatch):
    many_rows(3)
    bulk = start()
    decided = Halt(monkeypatch, APPROVAL_DECIDED)
    approve, refuse = a_decision(bulk, approves=True, actor=by("a")), a_decision(bulk, approves=False, actor=by("b"))

    first, second = overtaken(approve, refuse, at=decided)

    assert [(each.approval, each.decided_by) for each in (first, second)] == [("approved", "a")] * 2
    assert states() == {"waiting"}


def test_twin_without_row_locks_it_is_approved_and_refused(monkeypatch):
    many_rows(3)
    bulk = start()
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, APPROVAL_DECIDED)
    approve, refuse = a_decision(bulk, approves=True, actor=by("a")), a_decision(bulk, approves=False, actor=by("b"))

    first, second = overtaken(approve, refuse, at=decided)

    assert (first.approval, second.approval) == ("approved", "refused")


def test_who_asked_cannot_approve_from_a_second_session_while_another_one_decides():
    for _ in rounds(5):
        many_rows(3)
        bulk = start()
        own = a_decision(bulk, approves=True, actor=SUPERVISOR)

        other, mine = all_at_once([a_decision(bulk, approves=False, actor=by("b")), own])

        assert isinstance(mine, OwnApproval) or mine.decided_by == "b"
        assert other.approval == "refused"
        carry_out()
        assert cancelled() == 0
        forget_everything()


def test_where_the_service_does_not_look_at_who_asked_the_database_refuses(monkeypatch):
    many_rows(3)
    bulk = start()
    monkeypatch.setattr(service, "_refuse_own", lambda *_: None)

    with pytest.raises(IntegrityError, match="bulk_cancel_approved_by_another_person"):
        a_decision(bulk, approves=True, actor=SUPERVISOR)()


def test_twin_without_either_guard_one_person_cancels_them_alone(monkeypatch):
    many_rows(3)
    bulk = start()
    monkeypatch.setattr(service, "_refuse_own", lambda *_: None)
    with without_constraints(BulkCancel, "bulk_cancel_approved_by_another_person"):
        a_decision(bulk, approves=True, actor=SUPERVISOR)()
        carry_out()

        assert cancelled() == 3


def test_while_it_waits_two_workers_cancel_nothing():
    many_rows(3)
    start()

    decided = all_at_once([carry_out] * 2)

    assert (sum(decided), cancelled()) == (0, 0)


def test_twin_whose_worker_does_not_look_at_the_approval_cancels_unapproved(monkeypatch):
    many_rows(3)
    start()
    without_conditions(monkeypatch, "approval__in")

    with pytest.raises(ExceptionGroup):  # a CHECK keeps it from being finished, too late for the bookings
        carry_out()

    assert cancelled() == 3
