"""Actions of staff: each is made from a page that has a key, and works once."""

from bookings.actor import Actor
from bookings.answers.results import DoneByStaff
from bookings.conf import LONGEST_NOTE
from bookings.services.shared import idempotency
from bookings.services.shared.idempotency import KeyedRequest
from bookings.text.legible import is_legible, is_orderly


def wrong_with_note(note: str) -> str:
    """Tell what to do about a note that says nothing, or too much. Empty: it will do."""
    if len(note) > LONGEST_NOTE or not is_legible(note) or not is_orderly(note, of_lines=True):
        return f"Say why, in at most {LONGEST_NOTE} characters."
    return ""


def begin_staff_action(action: str, *, key: str, actor: Actor, row_id: int) -> None:
    """
    Write an action down as done, first thing in the transaction that does it.

    A double click, and a page sent again after going back, bring the same key. It is kept among the keys of
    clients: unique, and forgotten after as many hours.

    :raises KeyTaken: if it was done before; a second one at the same time waits for the first
    """
    keyed = staff_request(action, key=key, actor=actor, id=row_id)
    idempotency.begin(keyed, call_key=None, result=DoneByStaff())


def staff_request(action: str, *, key: str, actor: Actor, **asked: object) -> KeyedRequest:
    """What a page with this key asks for: the same key with something else is another request."""
    return KeyedRequest.of(principal=f"staff:{actor.name}"[:64], endpoint=f"office {action}", key=key, validated=asked)
