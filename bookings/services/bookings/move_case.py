"""Take a booking as a case, hand it over, give it back, set its date, or close it."""

from dataclasses import dataclass
from datetime import date, datetime

from bookings.actor import Actor, Cause
from bookings.db.transactions import in_transaction
from bookings.errors import CaseChanged, NotYourCase
from bookings.models import BookingCase
from bookings.models.bookings.booking_case import CaseMove
from bookings.models.bookings.booking_event import EventKind
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.shared.staff_actions import begin_staff_action
from bookings.services.shared.transitions import lock_booking, note_event

EVENTS = {
    CaseMove.TAKE: EventKind.CASE_TAKEN,
    CaseMove.HAND_OVER: EventKind.CASE_HANDED_OVER,
    CaseMove.GIVE_BACK: EventKind.CASE_GIVEN_BACK,
    CaseMove.DATE: EventKind.CASE_DATED,
    CaseMove.CLOSE: EventKind.CASE_CLOSED,
}


@dataclass(frozen=True, slots=True)
class CaseOrder:
    """
    What a member of staff wants to do with a case, and the version of it that the page has shown; 0 is no case.

    :param to: the name of who gets it, where it is handed over
    :param follow_up_on: the day in UTC on which it is due, where it is dated or handed over; None: on none
    :param may_assign: whether the rights of who asks cover the cases of others
    """

    move: CaseMove
    seen_version: int
    to: str = ""
    follow_up_on: date | None = None
    note: str = ""
    may_assign: bool = False


def move_case(*, booking_id: int, order: CaseOrder, actor: Actor, action_key: str) -> None:
    """
    Do one thing with a case, and write it into the booking's timeline. The booking itself stays as it is.

    The same page sent again changes nothing more. Does not look whether who gets the case works here.

    :raises BookingNotFound: if there is no such booking
    :raises CaseChanged: if the case has moved since the page was shown; nothing is changed
    :raises NotYourCase: if another person has it, or it is closed, and the rights do not cover that
    """
    try:
        _move_once(booking_id, order, actor, action_key)
    except KeyTaken:
        return


@in_transaction("case.move")
def _move_once(booking_id: int, order: CaseOrder, actor: Actor, action_key: str) -> None:
    begin_staff_action("case", key=action_key, actor=actor, row_id=booking_id)
    booking, now = lock_booking(booking_id, actor=actor)
    case = BookingCase.objects.select_for_update().filter(pk=booking_id).first()
    is_new = case is None
    if case is None:
        case = BookingCase(booking=booking, opened_at=now, closed_at=now)
    if case.version != order.seen_version:
        raise CaseChanged
    _refuse_unless_theirs(case, order, actor)
    _write_down(case, order, actor, now=now, is_new=is_new)
    said = _says(order)
    note_event(booking, EVENTS[order.move], Cause(actor, note=said), now=now)


def _refuse_unless_theirs(case: BookingCase, order: CaseOrder, actor: Actor) -> None:
    """A free case may be taken; all else is for who has the case, and for who may move the cases of others."""
    is_open = case.closed_at is None
    if order.move == CaseMove.TAKE:
        may = case.owner in ("", actor.name) or order.may_assign
    else:
        may = is_open and (case.owner == actor.name or order.may_assign)
    if not may:
        raise NotYourCase


def _write_down(case: BookingCase, order: CaseOrder, actor: Actor, *, now: datetime, is_new: bool) -> None:
    match order.move:
        case CaseMove.TAKE:
            if case.closed_at is not None:
                case.opened_at, case.closed_at = now, None
            case.owner = actor.name
        case CaseMove.HAND_OVER:
            case.owner, case.follow_up_on = order.to, order.follow_up_on
        case CaseMove.GIVE_BACK:
            case.owner = ""
        case CaseMove.DATE:
            case.follow_up_on = order.follow_up_on
        case CaseMove.CLOSE:
            case.owner, case.follow_up_on, case.closed_at = "", None, now
    case.version += 1
    case.moved_at = now
    case.save(force_insert=is_new)


def _says(order: CaseOrder) -> str:
    """What the event says: to whom, until when, and the note."""
    day = f"{order.follow_up_on:%Y-%m-%d}" if order.follow_up_on else "-"
    told = {CaseMove.HAND_OVER: f"→ {order.to}, {day}", CaseMove.DATE: day}
    return "\n".join(part for part in (told.get(order.move, ""), order.note.strip()) if part)
