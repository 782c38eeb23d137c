"""What the model of payments knows: a booking, attempts to pay it, intents at the gateway, processes, late calls."""

from typing import NamedTuple

# The clock of the booking: its window is open, or over; `act_until` is over too; half an hour later still no answer.
WINDOW, OVER, LATE, SILENT = range(4)
INITIATED, BOOKED, CANCELLED = "initiated", "booked", "cancelled"
# A payment: the first five are being processed.
STARTING, ASKED, PAYER, BANK, CLOSING = PROCESSING = ("starting", "asked", "payer", "bank", "closing")
FAILED, SUCCEEDED, REFUND_DUE, REFUNDED = "failed", "succeeded", "refund_due", "refunded"
# An intent at the gateway. Whose client has its secret can pay it while it is new, was tried, or needs an action.
NEW, TRIED, ACTION, PENDING, PAID, CANCELED = "new", "tried", "action", "pending", "paid", "canceled"
# How a call ends. Untouched is what a look finds where nothing was tried yet.
OPENED, CHARGED, DECLINED, AWAITS_PAYER, AWAITS_BANK = "opened", "charged", "declined", "awaits_payer", "awaits_bank"
CLOSED, UNTOUCHED, REFUND_MADE, NOT_SENT, UNKNOWN = "closed", "untouched", "refund made", "not sent", "unknown"

NONE = FREE = -1
# The lease of a process that has died.
OF_THE_DEAD = 9


class Intent(NamedTuple):
    """One payment as the gateway keeps it. `answer` is what it remembers under the key of the charge."""

    payment: int
    state: str = NEW
    secret_left: bool = False
    answer: str = ""
    refunds: int = 0


class Payment(NamedTuple):
    """One attempt. `first`: claimed once alone. `charges`: how often its charge was counted; two stands for more."""

    step: str
    by_payer: bool = False
    intent: int = NONE
    lease: int = FREE
    first: bool = True
    charges: int = 0


class Process(NamedTuple):
    """A process at work: what it does next, for which attempt and intent, and what it has heard."""

    does: str = ""
    payment: int = NONE
    intent: int = NONE
    heard: str = ""
    # A request may send a call once more; the worker does not.
    repeats: bool = False
    # What a request wants once the payment is closed: `begin` another attempt, or `cancel`.
    then: str = ""


IDLE = Process()


class Left(NamedTuple):
    """How many faults and wishes are still to come."""

    crashes: int = 1
    losses: int = 1
    delays: int = 1
    pauses: int = 1
    resumes: int = 0
    cancels: int = 1
    staff: int = 1


class World(NamedTuple):
    """A state of the whole; each method tells the one that follows."""

    clock: int
    booking: str
    has_seats: bool
    wish: bool
    active: int
    payments: tuple[Payment, ...]
    intents: tuple[Intent, ...]
    processes: tuple[Process, ...]
    # Requests under way whose callers have given up: the call, the attempt, the intent.
    delayed: tuple[tuple[str, int, int], ...]
    left: Left

    def with_payment(self, number: int, payment: Payment) -> "World":
        return self._replace(payments=(*self.payments[:number], payment, *self.payments[number + 1 :]))

    def with_intent(self, number: int, intent: Intent) -> "World":
        return self._replace(intents=(*self.intents[:number], intent, *self.intents[number + 1 :]))

    def with_secret_out(self, number: int) -> "World":
        intent = self.intents[number]
        return self if intent.state in (PAID, CANCELED) else self.with_intent(number, intent._replace(secret_left=True))

    def with_delayed(self, call: str, payment: int, intent: int) -> "World":
        return self._replace(delayed=tuple(sorted((*self.delayed, (call, payment, intent)))))

    def spent(self, what: str) -> "World":
        return self._replace(left=self.left._replace(**{what: getattr(self.left, what) - 1}))

    def ended(self, booking: str) -> "World":
        """The booking is booked or cancelled. What cannot matter from then on is forgotten: states are fewer."""
        left = self.left._replace(resumes=0, cancels=0, staff=self.left.staff if booking == BOOKED else 0)
        return self._replace(booking=booking, clock=max(self.clock, LATE), left=left)

    def cancelled(self) -> "World":
        return self.ended(CANCELLED)._replace(has_seats=False, active=NONE, wish=False)

    def now(self, n: int, process: Process) -> "World":
        """
        Say what a process does next; comes last in a step.

        Two processes are the same but for their numbers, so that of two worlds that differ in these one is enough.
        """
        processes = (*self.processes[:n], process, *self.processes[n + 1 :])
        if len(processes) != 2 or processes[0] <= processes[1]:
            return self._replace(processes=processes)
        payments = tuple(
            payment._replace(lease=1 - payment.lease) if payment.lease in (0, 1) else payment
            for payment in self.payments
        )
        return self._replace(processes=processes[::-1], payments=payments)

    def claimed(self, n: int, process: Process) -> "World":
        """Lease the process its payment. From then on it is not the first claim."""
        payment = self.payments[process.payment]
        return self.with_payment(process.payment, payment._replace(lease=n, first=False)).now(n, process)

    def crashed(self, n: int) -> "World":
        payments = tuple(
            payment._replace(lease=OF_THE_DEAD) if payment.lease == n else payment for payment in self.payments
        )
        return self._replace(payments=payments).spent("crashes").now(n, IDLE)

    def given_up(self, n: int, number: int) -> "World":
        """The process stops. Its lease, if it still has it, ends by itself; here that is at once."""
        payment = self.payments[number]
        freed = self.with_payment(number, payment._replace(lease=FREE)) if payment.lease == n else self
        return freed.now(n, IDLE)

    def is_live(self, number: int) -> bool:
        """Say whether another than we could make this intent take money: its payer, its bank, a charge under way."""
        intent = self.intents[number]
        return intent.state not in (PAID, CANCELED) and (
            intent.secret_left
            or intent.state == PENDING
            or any(process.does == "charge" and process.intent == number for process in self.processes)
            or any(call == "charge" and of == number for call, _, of in self.delayed)
        )
