"""
The payment protocol as a model: one booking, its attempts to pay, and a gateway that keeps an intent for each.

A transaction is one step, and so is what the gateway does with one request. Between them anything may happen: a
process dies, a request or an answer is lost, a request arrives when its caller has given up, a lease ends under a
holder that goes on. Transactions have the names of docs/protocol.md.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.model.explore import Step
from tests.model.payments.gateway import CALLS, Gateway
from tests.model.payments.world import (
    ASKED,
    AWAITS_BANK,
    AWAITS_PAYER,
    BANK,
    BOOKED,
    CANCELLED,
    CHARGED,
    CLOSED,
    CLOSING,
    DECLINED,
    FAILED,
    FREE,
    IDLE,
    INITIATED,
    LATE,
    NONE,
    NOT_SENT,
    OF_THE_DEAD,
    OPENED,
    OVER,
    PAID,
    PAYER,
    PROCESSING,
    REFUND_DUE,
    REFUND_MADE,
    REFUNDED,
    SILENT,
    STARTING,
    SUCCEEDED,
    UNKNOWN,
    UNTOUCHED,
    WINDOW,
    Left,
    Payment,
    Process,
    World,
)

# What must not be.
TWICE = "charged twice"
UNPAID = "booked without its money"
SEATLESS = "booked without its seats"
GIVEN_AWAY = "seats given away while money can be taken"
KEPT = "money kept for nothing"
ABOVE = "refunded above what was charged"
UNASKED = "booked though staff had asked to cancel"


class Bounds(NamedTuple):
    """How much is played through."""

    attempts: int = 2
    # Who confirms: the payer, or the server.
    by_payer: tuple[bool, ...] = (False, True)
    processes: int = 2
    left: Left = Left()
    # Whether the gateway honors keys, and whether it may be silent until half an hour after `act_until`.
    keys: bool = True
    silent: bool = False


class Payments:
    """The protocol within bounds. `broken` names a rule of variants.py that is left out."""

    def __init__(self, bounds: Bounds, broken: str = "") -> None:
        self.bounds = bounds
        self.broken = broken
        self.gateway = Gateway(keys=bounds.keys, same_refund_key=broken != "a refund is repeated under a new key")

    def first(self) -> World:
        processes = (IDLE,) * self.bounds.processes
        return World(WINDOW, INITIATED, True, False, NONE, (), (), processes, (), self.bounds.left)

    def steps(self, w: World) -> Iterator[Step]:
        yield from self._time(w)
        yield from self._gateway(w)
        yield from self._staff(w)
        for n, process in enumerate(w.processes):
            if process.does:
                yield from self._work(w, n, process)
            elif n == 0 or w.processes[n - 1].does:  # one idle process is as good as another
                yield from self._customer(w, n)
                yield from self._worker(w, n)

    def wrong(self, w: World) -> str:
        paid = [intent for intent in w.intents if intent.state == PAID]
        if len(paid) > 1:
            return TWICE
        if any(intent.refunds > (intent.state == PAID) for intent in w.intents):
            return ABOVE
        if w.booking == BOOKED:
            if not w.has_seats:
                return SEATLESS
            if w.wish:
                return UNASKED
            if not paid or paid[0].refunds or w.payments[paid[0].payment].step != SUCCEEDED:
                return UNPAID
        for intent in paid:
            step = w.payments[intent.payment].step
            if step == FAILED or (step == REFUNDED and not intent.refunds):
                return KEPT
        # After half an hour of silence the seats go all the same, and what is charged later is refunded.
        if w.booking == CANCELLED and w.clock != SILENT and any(map(w.is_live, range(len(w.intents)))):
            return GIVEN_AWAY
        return ""

    def is_end(self, w: World) -> bool:
        return (
            w.booking != INITIATED
            and not w.delayed
            and not any(process.does for process in w.processes)
            and all(payment.step in (FAILED, SUCCEEDED, REFUNDED) for payment in w.payments)
        )

    # What happens around us

    def _time(self, w: World) -> Iterator[Step]:
        if w.booking == INITIATED:
            if w.clock < LATE:
                over = ("the window", "act_until")[w.clock]
                yield Step(f"{over} is over", w._replace(clock=w.clock + 1))
            elif w.clock == LATE and self.bounds.silent and w.active != NONE:
                yield Step("half an hour without an answer", w._replace(clock=SILENT), by_itself=False)
            if w.clock >= OVER and (w.active == NONE or w.clock == SILENT or self.broken == "blind expiry"):
                yield Step("booking.expire", w.cancelled())
        for number, payment in enumerate(w.payments):
            free = w.with_payment(number, payment._replace(lease=FREE))
            if payment.lease == OF_THE_DEAD and self.broken != "a lease never ends":
                yield Step(f"the lease of a dead process ends, attempt {number}", free)
            elif payment.lease not in (FREE, OF_THE_DEAD) and w.left.pauses:
                yield Step(f"a lease ends under its holder, attempt {number}", free.spent("pauses"), by_itself=False)

    def _gateway(self, w: World) -> Iterator[Step]:
        for number, intent in enumerate(w.intents):
            for who, after, by_itself in self.gateway.of_others(intent):
                yield Step(f"{who}, intent {number}: {after.state}", w.with_intent(number, after), by_itself)
        for place, (call, payment, intent) in enumerate(w.delayed):
            rest = w._replace(delayed=(*w.delayed[:place], *w.delayed[place + 1 :]))
            for answer, _, after in self.gateway.ask(rest, call, payment, intent):
                yield Step(f"a delayed {call} of attempt {payment} arrives: {answer}", after)

    def _staff(self, w: World) -> Iterator[Step]:
        if not w.left.staff or w.active == NONE or w.wish:
            return
        if w.booking == INITIATED:
            yield Step("staff ask to cancel", w._replace(wish=True).spent("staff"), by_itself=False)
        elif w.booking == BOOKED:
            due = w.with_payment(w.active, w.payments[w.active]._replace(step=REFUND_DUE))
            yield Step("staff cancel: a refund is due", due.cancelled(), by_itself=False)

    # Who begins what

    def _customer(self, w: World, n: int) -> Iterator[Step]:
        if w.booking != INITIATED:
            return
        waiting = w.active != NONE and _waits(w.payments[w.active])
        if w.active == NONE or (waiting and self.broken == "another attempt without closing"):
            yield from self._begin(w, n, IDLE)
        elif waiting and w.clock == WINDOW and not w.wish and len(w.payments) < self.bounds.attempts:
            yield self._closing(w, n, w.active, then="begin")
        if w.left.cancels:
            asked = w.spent("cancels")
            if w.active == NONE or (waiting and self.broken == "cancel without closing"):
                yield Step("booking.cancel", asked.cancelled(), by_itself=False)
            elif waiting:
                yield self._closing(asked, n, w.active, then="cancel")
        if w.left.resumes and w.active != NONE:
            payment = w.payments[w.active]
            if payment.lease == FREE and payment.step in (STARTING, ASKED):
                does = "open" if payment.step == STARTING else "look"
                again = w.spent("resumes").claimed(n, Process(does, w.active, payment.intent, repeats=True))
                yield Step("the request to pay is repeated", again, by_itself=False)

    def _worker(self, w: World, n: int) -> Iterator[Step]:
        for number, payment in enumerate(w.payments):
            free = payment.lease == FREE
            if payment.step in PROCESSING:
                late = (w.clock >= LATE and self.broken != "nothing is closed when it is late") or w.wish
                left = free and payment.step in (STARTING, ASKED, CLOSING)
                if left or (late and payment.step != CLOSING):
                    yield self._closing(w, n, number)._replace(by_itself=True)
                if free and payment.step in (ASKED, PAYER, BANK):
                    look = w.claimed(n, Process("look", number, payment.intent))
                    yield Step(f"payment.claim, attempt {number}, to look", look)
            elif payment.step == REFUND_DUE and free:
                refund = w.claimed(n, Process("refund", number, payment.intent))
                yield Step(f"payment.claim, attempt {number}, to refund", refund)

    def _begin(self, w: World, n: int, process: Process) -> Iterator[Step]:
        open_to_pay = w.clock == WINDOW and not w.wish and len(w.payments) < self.bounds.attempts
        alone = w.active == NONE or self.broken == "another attempt without closing"
        if w.booking == INITIATED and open_to_pay and alone:
            number = len(w.payments)
            for by_payer in self.bounds.by_payer:
                begun = w._replace(active=number, payments=(*w.payments, Payment(STARTING, by_payer, lease=n)))
                label = f"payment.begin, attempt {number}, to be confirmed by the {'payer' if by_payer else 'server'}"
                yield Step(label, begun.now(n, Process("open", number, repeats=True)), by_itself=False)
        elif process.does:
            yield Step("no other attempt", w.now(n, IDLE))

    def _cancel(self, w: World, n: int, _: Process) -> Iterator[Step]:
        if w.booking == INITIATED and w.active == NONE:
            yield Step("booking.cancel", w.cancelled().now(n, IDLE))
        else:
            yield Step("not cancelled", w.now(n, IDLE))

    def _closing(self, w: World, n: int, number: int, then: str = "") -> Step:
        """Let none of us charge this payment any more, then close its intent. What cannot be paid yet has failed."""
        payment = w.payments[number]
        label = f"payment.closing, attempt {number}{then and ', to '}{then}"
        if payment.step == STARTING or (payment.step == ASKED and self.broken == "asked is failed at once"):
            return Step(label, self._failed(w, number).now(n, Process(then)), by_itself=False)
        closing = w.with_payment(number, payment._replace(step=CLOSING))
        return Step(label, closing.claimed(n, Process("close", number, payment.intent, then=then)), by_itself=False)

    # A process at work

    def _work(self, w: World, n: int, process: Process) -> Iterator[Step]:
        if w.left.crashes:
            yield Step(f"a process dies before: {process.does}", w.crashed(n), by_itself=False)
        if process.does in CALLS:
            yield from self._call(w, n, process)
        else:
            yield from getattr(self, f"_{process.does}")(w, n, process)

    def _call(self, w: World, n: int, process: Process) -> Iterator[Step]:
        call, number, intent = process.does, process.payment, process.intent
        name = f"{call} of attempt {number}"
        for answer, which, after in self.gateway.ask(w, call, number, intent):
            yield Step(f"{name}: {answer}", self._heard(after, n, process, answer, which))
            if w.left.losses:
                lost = self._heard(after, n, process, UNKNOWN, intent).spent("losses")
                yield Step(f"{name}: {answer}, and the answer is lost", lost, by_itself=False)
        unheard = self._heard(w, n, process, UNKNOWN, intent)
        if w.left.losses:
            yield Step(f"{name} is lost", unheard.spent("losses"), by_itself=False)
            if call in ("open", "charge"):
                refused = self._heard(w, n, process, NOT_SENT, intent).spent("losses")
                yield Step(f"{name} is not sent", refused, by_itself=False)
        if call != "look":
            if w.left.delays:
                delayed = unheard.with_delayed(call, number, intent).spent("delays")
                yield Step(f"{name} is delayed", delayed, by_itself=False)
            if w.left.crashes:
                crashed = w.with_delayed(call, number, intent).crashed(n)
                yield Step(f"a process dies, its {name} under way", crashed, by_itself=False)

    def _heard(self, w: World, n: int, process: Process, answer: str, intent: int) -> World:
        """Choose what a process does with an answer: go on, look before it charges again, or write it down."""
        does, again = process.does, process.repeats
        if does == "open" and answer == OPENED:
            if self.broken == "the secret leaves first" and w.payments[process.payment].by_payer:
                w = w.with_secret_out(intent)
            return w.now(n, process._replace(does="opened", intent=intent))
        if again and does == "open" and answer == UNKNOWN:
            return w.now(n, process._replace(repeats=False))
        if again and does == "charge" and answer == UNKNOWN:
            return w.now(n, process._replace(does="look"))
        if again and does == "look" and answer == UNTOUCHED:
            return w.now(n, process._replace(does="counted"))
        return w.now(n, process._replace(does="settled", heard=answer, repeats=False))

    def _opened(self, w: World, n: int, process: Process) -> Iterator[Step]:
        """The fence: from here on the payer, or our charge, can make the intent take money."""
        number = process.payment
        payment = w.payments[number]
        mine = payment.lease == n
        if payment.step == STARTING and mine and w.clock < LATE:
            step, lease, charges = (PAYER, FREE, 0) if payment.by_payer else (ASKED, n, 1)
            opened = payment._replace(step=step, intent=process.intent, lease=lease, charges=charges)
            after = w.with_payment(number, opened)
        elif self.broken == "no fence":
            after = w
        else:
            yield Step(f"payment.opened, attempt {number}: too late", w.given_up(n, number))
            return
        if payment.by_payer:
            yield Step(f"payment.opened, attempt {number}", after.with_secret_out(process.intent).now(n, IDLE))
        else:
            charge = process._replace(does="charge", repeats=True)
            yield Step(f"payment.opened, attempt {number}", after.now(n, charge))

    def _counted(self, w: World, n: int, process: Process) -> Iterator[Step]:
        number = process.payment
        payment = w.payments[number]
        if payment.step == ASKED and payment.lease == n:
            charges = payment.charges if self.broken == "another charge is not counted" else 2
            counted = w.with_payment(number, payment._replace(charges=charges))
            charge = process._replace(does="charge", repeats=False)
            yield Step(f"another charge is counted, attempt {number}", counted.now(n, charge))
        else:
            yield Step(f"no other charge, attempt {number}", w.given_up(n, number))

    def _settled(self, w: World, n: int, process: Process) -> Iterator[Step]:
        number, answer = process.payment, process.heard
        after = self._recorded(w, n, number, answer).now(n, Process(process.then))
        yield Step(f"payment.settled, attempt {number}: {answer}", after)

    # What an answer changes

    def _recorded(self, w: World, n: int, number: int, answer: str) -> World:
        """Write an answer down. What is final is true from each process, and at any time."""
        payment = w.payments[number]
        alone = payment.lease == n and payment.first and payment.charges <= 1
        if payment.lease == n:
            payment = payment._replace(lease=FREE)
            w = w.with_payment(number, payment)
        unclear = payment.step == REFUND_DUE and answer == UNKNOWN and self.broken == "an unclear refund is made"
        if answer == REFUND_MADE or unclear:
            return w.with_payment(number, payment._replace(step=REFUNDED))
        if payment.step not in PROCESSING and not (self.broken == "settled twice" and answer == CHARGED):
            return w
        if self._cannot_be_paid(payment, answer, alone):
            return self._failed(w, number)
        if answer == CHARGED:
            return self._charged(w, number)
        if payment.step != CLOSING:
            if answer == DECLINED and not payment.by_payer:
                return w.with_payment(number, payment._replace(step=CLOSING))
            if answer == AWAITS_BANK:
                return w.with_payment(number, payment._replace(step=BANK))
            if answer == AWAITS_PAYER:
                return w.with_payment(number, payment._replace(step=PAYER)).with_secret_out(payment.intent)
        return w

    def _cannot_be_paid(self, payment: Payment, answer: str, alone: bool) -> bool:
        """Say whether neither a payer nor a charge under way can make the intent take money any more."""
        closing, asked = payment.step == CLOSING, payment.step == ASKED
        if answer == CLOSED:
            return True
        if answer == NOT_SENT:
            return alone or self.broken == "not sent is failed"
        if answer == DECLINED:  # and if it is still asked, its secret has never left us
            return (asked and payment.charges == 1) or self.broken == "a decline is final"
        return self.broken in {
            "no answer to a close is closed" if closing and answer == UNKNOWN else None,
            "any answer to a close is closed" if closing and answer in (CHARGED, AWAITS_BANK) else None,
            "unknown is failed" if asked and answer == UNKNOWN else None,
            "untouched is failed" if asked and answer == UNTOUCHED else None,
        }

    def _charged(self, w: World, number: int) -> World:
        payment = w.payments[number]
        ended = w.booking != INITIATED
        if ended and self.broken == "a late charge is dropped":
            return self._failed(w, number)
        if (ended and self.broken != "a late charge books") or (w.wish and self.broken != "the wish is forgotten"):
            due = w.with_payment(number, Payment(REFUND_DUE, intent=payment.intent))
            return due if ended else due.cancelled()
        return w.with_payment(number, Payment(SUCCEEDED, intent=payment.intent))._replace(active=number).ended(BOOKED)

    def _failed(self, w: World, number: int) -> World:
        """No money comes from this attempt any more. What has waited for that is carried out."""
        failed = w.with_payment(number, Payment(FAILED, intent=w.payments[number].intent))
        if w.active == number:
            failed = failed._replace(active=NONE)
        if w.booking == INITIATED and failed.active == NONE and (w.clock >= OVER or w.wish):
            return failed.cancelled()
        return failed


def _waits(payment: Payment) -> bool:
    """Say whether a customer may have this attempt closed, for another one or to cancel."""
    return payment.step in (PAYER, BANK) or payment.lease == FREE
