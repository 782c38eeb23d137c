"""What the decisions about reservations, seat calls and payments have in common."""

from dataclasses import dataclass

from bookings.actor import Actor, Cause
from bookings.errors import InvalidRequest, StaffOnly
from bookings.lifecycle import Decision
from bookings.services.shared.staff_actions import begin_staff_action, wrong_with_note


@dataclass(frozen=True, slots=True)
class Resolution:
    """
    What staff decided about a call that the worker has given up: who, why, and on which page.

    `action_key` was made with the page, so that the page decides once, however often it is sent. `about` is the state
    that the page showed, where a row may wait for more than one decision in its life.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if the note says nothing, or too much
    """

    decision: Decision
    actor: Actor
    note: str
    action_key: str
    about: str = ""

    def __post_init__(self) -> None:
        if not self.actor.is_staff:
            raise StaffOnly
        if wrong := wrong_with_note(self.note):
            raise InvalidRequest(fields={"note": wrong})

    @property
    def is_retry(self) -> bool:
        return self.decision is Decision.RETRY

    def cause(self, reason: str = "") -> Cause:
        """Who, why, and what they say, as the event of the decision keeps it."""
        return Cause(self.actor, reason, self.note)

    def begin(self, what: str, *, row_id: int) -> None:
        """
        Write the decision down as made, first thing in the transaction that carries it out.

        A block that is run again, as the answer to its COMMIT was lost, finds its own key.

        :raises KeyTaken: if this page was sent before: then look at the row, and change nothing
        """
        begin_staff_action(f"resolve {what}", key=self.action_key, actor=self.actor, row_id=row_id)
