"""The history of staff's log-ins."""

from dataclasses import dataclass
from typing import Any

from bookings.db.clock import database_time
from bookings.db.transactions import in_one_statement
from bookings.models import LogInEvent
from bookings.models.access.staff_log_in import LogInEventKind, Proof


@dataclass(frozen=True, slots=True)
class Visit:
    """From where a user came, in which request; `done_by` is who acted, if that was not the user."""

    address: str
    request_id: str = ""
    done_by: str = ""
    note: str = ""


def note(user: Any, what: LogInEventKind, *, visit: Visit, proof: Proof | str = "") -> None:
    """Write down what happened, inside a transaction or outside of one. Keeps nothing that was typed."""
    LogInEvent(
        user=user,
        what=what,
        proof=proof,
        address=visit.address,
        done_by=visit.done_by[:150],
        note=visit.note,
        request_id=visit.request_id,
        created_at=database_time(),
    ).save()


@in_one_statement("log_in.note")
def note_log_in(user: Any, *, visit: Visit, proof: Proof) -> None:
    """Write down that a user has logged in."""
    note(user, LogInEventKind.LOGGED_IN, visit=visit, proof=proof)


@in_one_statement("log_in.failed")
def note_failure(user: Any, *, visit: Visit, proof: Proof) -> None:
    """Write down that a log-in as this user has failed."""
    note(user, LogInEventKind.FAILED, visit=visit, proof=proof)


@in_one_statement("log_in.password_set")
def note_password_set(user: Any, *, visit: Visit) -> None:
    """Write down that another user has set this one's password, or has taken it away."""
    note(user, LogInEventKind.PASSWORD_SET, visit=visit)
