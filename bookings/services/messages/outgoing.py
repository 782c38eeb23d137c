"""What a message to a traveler and a report have in common: how each is leased, ends, and is recorded."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog

from bookings.db.clock import database_time
from bookings.models import Message, Report, SuppressedAddress
from bookings.models.messages import MessageState
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import MessageOutcome, Refused, Sent
from bookings.services.messages.rules import LEASE, MOST_UNKNOWNS, SUPPRESSED_FOR, next_pause
from bookings.services.shared import leases
from bookings.services.shared.sealing import CannotOpen

log = structlog.get_logger(__name__)

LOST = "what sent it has died, or the answer was lost"
TAKES_NOTHING = "the address takes nothing"

Row = Message | Report

C = TypeVar("C")


def lease_or_end(
    row: Row,
    *,
    lease: UUID,
    now: datetime,
    opened: Callable[[], C | None],
    why_not: Callable[[C | None], str],
) -> C | None:
    """
    Lease a row that is due, which this transaction has locked; None: another process has it, or it is not sent.

    A lease that is over means that its holder may have sent it.

    :param opened: gives what is to be sent; None: there is no address. It may raise CannotOpen
    :param why_not: says why it is not sent any more; empty: it is
    """
    is_mine = row.lease == lease  # the COMMIT of the run before this one was lost
    if row.next_at is None or (not is_mine and row.next_at > now):
        return None
    unknowns = row.unknowns + (row.lease is not None and not is_mine)
    try:
        claimed = opened()
    except CannotOpen:
        log.exception("message.address_not_opened", item=f"{row._meta.model_name} {row.pk}")
        leases.write(row, {"lease": None, "unknowns": unknowns, "next_at": now + LEASE})
        return None
    if is_mine:
        return claimed
    row.unknowns = unknowns
    if unknowns >= MOST_UNKNOWNS[row.channel]:
        end = ended(MessageState.UNKNOWN, now, LOST)
    elif now >= row.worthless_at:
        end = ended(MessageState.LAPSED, now, row.last_error or "too late")
    elif why := why_not(claimed):
        end = ended(MessageState.SKIPPED, now, why)
    else:
        leases.write(row, {"unknowns": unknowns, **leases.leased(lease, now, before=row, term=LEASE)})
        return claimed
    leases.write(row, {"unknowns": unknowns, **end})
    return None


def write_outcome(row: Row, outcome: MessageOutcome, *, lease: UUID, marks: Sequence[str]) -> None:
    """
    Write down how the sending of a row ended, which this transaction has locked.

    That it was taken over counts under whichever lease, the rest under its own alone. Locks the row of a suppressed
    address.

    :param marks: of the address, the newest first
    """
    now = database_time()
    if isinstance(outcome, Sent):
        if row.state in (MessageState.PENDING, MessageState.UNKNOWN):
            receipt = {"receipt": outcome.receipt} if isinstance(row, Message) else {}
            leases.write(row, {**receipt, **ended(MessageState.SENT, now)})
        return
    if row.lease != lease:
        return
    leases.write(row, _after(row, outcome, now))
    if isinstance(outcome, Refused):
        SuppressedAddress.objects.update_or_create(
            address_mark=marks[0],
            channel=row.channel,
            defaults={"why": outcome.why[:200], "until": None if outcome.is_for_good else now + SUPPRESSED_FOR},
        )


def ended(state: MessageState, now: datetime, why: str = "") -> leases.Columns:
    """Say that nothing is left to do for a row, how it ended, and why."""
    return {"state": state, "ended_at": now, **leases.over(why)}


def _after(row: Row, outcome: Refused | Mistake | NotSent | Unknown, now: datetime) -> leases.Columns:
    """Tell what becomes of a row that was not taken over, as far as is known."""
    if isinstance(outcome, Refused | Mistake):
        return ended(MessageState.REFUSED, now, outcome.why)
    later = {"lease": None, "last_error": outcome.why[:200]}
    if isinstance(outcome, NotSent):
        return {**later, "next_at": now + next_pause(row.claims)}
    unknowns = row.unknowns + 1
    if unknowns >= MOST_UNKNOWNS[row.channel]:
        return {"unknowns": unknowns, **ended(MessageState.UNKNOWN, now, outcome.why)}
    return {**later, "unknowns": unknowns, "next_at": now + LEASE}
