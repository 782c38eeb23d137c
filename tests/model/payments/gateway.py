"""A payment gateway as the protocol relies on it: one intent takes money once, and never after it was canceled."""

from collections.abc import Iterator

from tests.model.payments.world import (
    ACTION,
    AWAITS_BANK,
    AWAITS_PAYER,
    CANCELED,
    CHARGED,
    CLOSED,
    DECLINED,
    NEW,
    OPENED,
    PAID,
    PENDING,
    REFUND_MADE,
    TRIED,
    UNTOUCHED,
    Intent,
    World,
)

# What it says about an intent.
SAYS = {NEW: UNTOUCHED, TRIED: DECLINED, ACTION: AWAITS_PAYER, PENDING: AWAITS_BANK, PAID: CHARGED, CANCELED: CLOSED}
CALLS = frozenset({"open", "charge", "look", "close", "refund"})


class Gateway:
    """With `keys`, it answers the repetition of an opening or a charge as it did the first time, and does nothing."""

    def __init__(self, *, keys: bool, same_refund_key: bool = True) -> None:
        self.keys = keys
        self.same_refund_key = same_refund_key

    def ask(self, w: World, call: str, payment: int, number: int) -> Iterator[tuple[str, int, World]]:
        """Tell each way that a call can go: the answer, the intent that it is about, and the world after it."""
        if call == "open":
            known = [place for place, intent in enumerate(w.intents) if intent.payment == payment and self.keys]
            if known:
                yield OPENED, known[0], w
            else:
                yield OPENED, len(w.intents), w._replace(intents=(*w.intents, Intent(payment)))
        else:
            for answer, intent in getattr(self, call)(w.intents[number]):
                yield answer, number, w.with_intent(number, intent)

    @staticmethod
    def look(intent: Intent) -> Iterator[tuple[str, Intent]]:
        yield SAYS[intent.state], intent

    def charge(self, intent: Intent) -> Iterator[tuple[str, Intent]]:
        if intent.answer:
            yield intent.answer, intent
        elif intent.state in (NEW, TRIED):
            for state in (TRIED, ACTION, PENDING, PAID):
                yield SAYS[state], intent._replace(state=state, answer=SAYS[state] if self.keys else "")
        else:
            yield SAYS[intent.state], intent

    @staticmethod
    def close(intent: Intent) -> Iterator[tuple[str, Intent]]:
        if intent.state != PAID:
            yield CLOSED, Intent(intent.payment, CANCELED)
        # What waits for a bank can rarely be canceled.
        if intent.state in (PENDING, PAID):
            yield SAYS[intent.state], intent

    def refund(self, intent: Intent) -> Iterator[tuple[str, Intent]]:
        repeated = intent.refunds and self.same_refund_key
        yield REFUND_MADE, intent if repeated else intent._replace(refunds=intent.refunds + 1)

    @staticmethod
    def of_others(intent: Intent) -> Iterator[tuple[str, Intent, bool]]:
        """What becomes of an intent without us: who acts, the intent after it, and whether it happens by itself."""
        if intent.secret_left and intent.state in (NEW, TRIED, ACTION):
            for state in (TRIED, ACTION, PENDING, PAID):
                if state != intent.state:
                    yield "the payer acts", _in(intent, state), False
        elif intent.state == PENDING:
            for state in (TRIED, PAID):
                yield "the bank decides", _in(intent, state), True


def _in(intent: Intent, state: str) -> Intent:
    return intent._replace(state=state, secret_left=intent.secret_left and state != PAID)
