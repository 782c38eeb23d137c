"""
What happens to bookings, in any order.

A state machine holds seats, some by number, exchanges them, pays, cancels, expires, passes and decides at random while
both other systems lose requests and answers and this process dies in the middle. After every step the promises that
hold at any time are checked; at the end the faults stop, the worker goes on, and seats and money must agree exactly.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress

from django_q.models import OrmQ
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bookings.answers.rendering import Response, render
from bookings.answers.results import PaymentPending, SeatChangePending
from bookings.deadline import Deadline
from bookings.errors import BookingError
from bookings.lifecycle import AfterFailure, BookingStatus, CancelReason, Decision, Hold
from bookings.models import (
    Announcement,
    Booking,
    BookingEvent,
    BookingSeat,
    Heartbeat,
    IdempotencyRecord,
    Payment,
    Refund,
    SeatCall,
    SeatCallEvent,
    SeatExchange,
)
from bookings.models.payments import PaymentState
from bookings.models.refunds import RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.ports import SeatStatus
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.extend import extend_window
from bookings.services.bookings.orders import SeatOrder
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.payments.decide_failed_refund import FailureResolution, decide_failed_refund
from bookings.services.payments.pay import PaymentOrder, pay_booking
from bookings.services.payments.resolve_payment import resolve_payment
from bookings.services.payments.resolve_refund import resolve_refund
from bookings.services.seats.change_seats import SeatWish, change_seats
from bookings.services.seats.correct import correct_seats
from bookings.services.seats.reconcile import reconcile_seats
from bookings.services.seats.resolve_exchange import resolve_exchange
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.seats.resolve_reservation import resolve_reservation
from bookings.services.shared.idempotency import KeyedRequest
from bookings.text.seat_numbers import as_text, numbers_in
from tests.support.bookings import STAFF, customer, gateways_of, let_time_pass, one_pass
from tests.support.calls import a_refund_request, a_resolution
from tests.support.fakes import ChargeFault, FakeFlights, FakePayments, Fault, ProcessDied
from tests.support.invariants import assert_in_step, violations

CAPACITY = 6

# Small, so that requests collide.
flight_fault = st.sampled_from([None, None, *Fault])
flight_faults = st.tuples(flight_fault, flight_fault).map(lambda pair: [fault for fault in pair if fault])
charge_faults = st.sampled_from([[], [], *([fault] for fault in ChargeFault)])
nth = st.integers(min_value=0, max_value=3)
# Of the seats of a flight, as many as a booking has: the first ones.
places = st.permutations(range(CAPACITY))


class AnyOrder(RuleBasedStateMachine):
    IGNORES_NUMBERS = False

    def __init__(self) -> None:
        super().__init__()
        for model in (
            Announcement,
            BookingEvent,
            Refund,
            Payment,
            BookingSeat,
            SeatExchange,
            Booking,
            SeatCallEvent,
            SeatCall,
            IdempotencyRecord,
            Heartbeat,
            OrmQ,
        ):
            model.objects.all().delete()
        self.flights = FakeFlights(flights=2, capacity=CAPACITY, seat_maps=True)
        self.flights.ignores_numbers = self.IGNORES_NUMBERS
        seats = self.flights.get_seat_map(1, seconds=1).seats
        self.numbers = [seat.number for seat in seats if seat.status is SeatStatus.FREE]
        self.payments = FakePayments()
        self.answers: dict[str, Response] = {}
        self.creates: list[tuple[str, SeatOrder]] = []
        self.pays: list[tuple[str, PaymentOrder]] = []
        self.wishes: list[tuple[str, SeatWish]] = []

    @initialize()
    def two_bookings_are_there(self) -> None:
        for flight in (1, 2):
            self._create("", SeatOrder(flight, 1001, 2), patient=False, faults=[])

    @rule(flight=st.integers(1, 2), seats=st.integers(1, 3), patient=st.booleans(), faults=flight_faults)
    def create(self, flight: int, seats: int, patient: bool, faults: list[Fault]) -> None:
        self._create("", SeatOrder(flight, 1001, seats), patient=patient, faults=faults)

    @rule(flight=st.integers(1, 2), seats=st.integers(1, 3), faults=flight_faults)
    def create_with_a_key(self, flight: int, seats: int, faults: list[Fault]) -> None:
        self.creates.append((uuid.uuid4().hex, SeatOrder(flight, 1001, seats)))
        self._create(*self.creates[-1], patient=False, faults=faults)

    @rule(flight=st.integers(1, 2), seats=st.integers(1, 3), order=places, faults=flight_faults, patient=st.booleans())
    def create_by_number(self, flight: int, seats: int, order: list[int], faults: list[Fault], patient: bool) -> None:
        named = SeatOrder(flight, 1001, seats, seat_numbers=self._named(order, seats))
        self.creates.append((uuid.uuid4().hex, named))
        self._create(*self.creates[-1], patient=patient, faults=faults)

    @rule(which=nth, order=places, faults=flight_faults)
    def choose_other_seats(self, which: int, order: list[int], faults: list[Fault]) -> None:
        for booking in Booking.objects.exclude(status=BookingStatus.CANCELLED).order_by("-pk")[which : which + 1]:
            wish = SeatWish(booking.pk, self._named(order, booking.no_of_seats), customer())
            self.wishes.append((uuid.uuid4().hex, wish))
            self._choose(*self.wishes[-1], faults=faults)

    @rule(which=nth, faults=flight_faults)
    def choose_again(self, which: int, faults: list[Fault]) -> None:
        for key, wish in self.wishes[::-1][which : which + 1]:
            self._choose(key, wish, faults=faults)

    @rule(which=nth, faults=flight_faults)
    def create_again(self, which: int, faults: list[Fault]) -> None:
        for key, order in self.creates[::-1][which : which + 1]:
            self._create(key, order, patient=False, faults=faults)

    @rule(which=nth, faults=charge_faults)
    def pay(self, which: int, faults: list[ChargeFault]) -> None:
        for booking in Booking.objects.order_by("-pk")[which : which + 1]:
            order = PaymentOrder(booking.pk, booking.total_cost)
            self.pays.append((uuid.uuid4().hex, order))
            self._pay(*self.pays[-1], faults=faults)

    @rule(which=nth, faults=charge_faults)
    def pay_again(self, which: int, faults: list[ChargeFault]) -> None:
        for key, order in self.pays[::-1][which : which + 1]:
            self._pay(key, order, faults=faults)

    @rule(which=nth, staff=st.booleans())
    def cancel(self, which: int, staff: bool) -> None:
        for booking in Booking.objects.order_by("-pk")[which : which + 1]:
            with suppress(BookingError):
                cancel_booking(
                    booking_id=booking.pk,
                    actor=STAFF if staff else customer(),
                    reason=CancelReason.CUSTOMER_REQUEST,
                )

    @rule(which=nth, minutes=st.sampled_from([15, 60]))
    def staff_give_longer_to_pay(self, which: int, minutes: int) -> None:
        for booking in Booking.objects.filter(status=BookingStatus.INITIATED).order_by("-pk")[which : which + 1]:
            page = {"seen_version": booking.version, "action_key": uuid.uuid4().hex}
            with suppress(BookingError):
                extend_window(booking_id=booking.pk, minutes=minutes, actor=STAFF, note="why", **page)

    @rule(which=nth, ask=st.booleans(), faults=flight_faults)
    def staff_decide(self, which: int, ask: bool, faults: list[Fault]) -> None:
        self.flights.fail_next(*faults)
        for booking in Booking.objects.filter(hold=Hold.STUCK).order_by("-pk")[which : which + 1]:
            self._decide_take(booking, ask=ask)
        for exchange in SeatExchange.objects.filter(state=ExchangeState.STUCK).order_by("-pk")[which : which + 1]:
            self._decide_exchange(exchange, ask=ask)
        for call in SeatCall.objects.filter(state=SeatCallState.DEAD).order_by("-pk")[which : which + 1]:
            self._decide_give_back(call, ask=ask)
        for payment in Payment.objects.filter(state=PaymentState.DEAD).order_by("-pk")[which : which + 1]:
            self._decide_payment(payment, ask=ask)
        for refund in Refund.objects.filter(state=RefundState.DEAD).order_by("-pk")[which : which + 1]:
            self._decide_refund(refund, ask=ask)

    @rule(which=nth, decision=st.sampled_from(AfterFailure))
    def staff_decide_about_a_failed_refund(self, which: int, decision: AfterFailure) -> None:
        for refund in Refund.objects.filter(state=RefundState.FAILED, decision="").order_by("-pk")[which : which + 1]:
            self._decide_failed(refund, decision)

    @rule(which=nth, amount=st.sampled_from([1, 500, 4000]))
    def staff_give_back(self, which: int, amount: int) -> None:
        for booking in Booking.objects.filter(status=BookingStatus.BOOKED).order_by("-pk")[which : which + 1]:
            with suppress(BookingError):
                ask_refund(a_refund_request(booking, amount))

    @rule(seconds=st.sampled_from([1, 16, 16, 901, 1801, 90_000]))
    def wait(self, seconds: int) -> None:
        let_time_pass(seconds=seconds)

    @rule(seats=flight_faults, money=charge_faults)
    def run_a_pass(self, seats: list[Fault], money: list[ChargeFault]) -> None:
        self.flights.fail_next(*seats)
        self.payments.fail_next(*money)
        with suppress(ProcessDied):
            one_pass(self.flights, self.payments)

    @invariant()
    def what_is_promised_at_any_time_holds(self) -> None:
        assert not (found := violations()), found
        rows = list(Booking.objects.select_related("give_back"))
        for flight in (1, 2):
            self._seats_are_accounted_for(flight, [row for row in rows if row.flight_id == flight])
        unkept = [row.reference for row in rows if not self._keeps_its_numbers(row)]
        assert not unkept, f"bookings show seats that are not kept: {unkept}"

    def teardown(self) -> None:
        """Let the faults stop; after a few passes nothing may be open."""
        self.flights._faults.clear()
        self.payments._faults.clear()
        self.payments.payers_pay()
        self.payments.finish_refunds()
        for _ in range(4):
            let_time_pass(seconds=61)
            one_pass(self.flights, self.payments)
            for booking in Booking.objects.filter(hold=Hold.STUCK):
                self._decide_take(booking, ask=False)
            for exchange in SeatExchange.objects.filter(state=ExchangeState.STUCK):
                self._decide_exchange(exchange, ask=False)
            for call in SeatCall.objects.filter(state=SeatCallState.DEAD):
                self._decide_give_back(call, ask=False)
            for payment in Payment.objects.filter(state=PaymentState.DEAD):
                self._decide_payment(payment, ask=False)
            for refund in Refund.objects.filter(state=RefundState.DEAD):
                self._decide_refund(refund, ask=False)
            for refund in Refund.objects.filter(state=RefundState.FAILED, decision=""):
                self._decide_failed(refund, AfterFailure.AGAIN)
        self.what_is_promised_at_any_time_holds()
        self._put_right()
        assert_in_step(self.flights, self.payments)

    def _decide_take(self, booking: Booking, *, ask: bool) -> None:
        with suppress(BookingError, ProcessDied):
            resolve_reservation(
                booking_id=booking.pk,
                resolution=a_resolution(Decision.RETRY if ask else self._what_happened(booking.hold_key)),
                flights=self.flights,
            )

    def _decide_exchange(self, exchange: SeatExchange, *, ask: bool) -> None:
        with suppress(BookingError, ProcessDied):
            resolve_exchange(
                exchange_id=exchange.pk,
                resolution=a_resolution(Decision.RETRY if ask else self._what_happened(exchange.call_key)),
                flights=self.flights,
            )

    def _decide_give_back(self, call: SeatCall, *, ask: bool) -> None:
        with suppress(BookingError, ProcessDied):
            resolve_release(
                call_id=call.pk,
                resolution=a_resolution(Decision.RETRY if ask else self._what_happened(call.call_key)),
                flights=self.flights,
            )

    def _decide_payment(self, payment: Payment, *, ask: bool) -> None:
        """Staff see the truth on the gateway's own pages."""
        was_made = payment.gateway_key in self.payments.charges
        truth = Decision.APPLIED if was_made else Decision.NOT_APPLIED
        with suppress(BookingError, ProcessDied):
            resolve_payment(
                payment_id=payment.pk,
                resolution=a_resolution(Decision.RETRY if ask else truth),
                payments=gateways_of(self.payments),
            )

    def _decide_refund(self, refund: Refund, *, ask: bool) -> None:
        truth = Decision.APPLIED if refund.key in self.payments.refunds else Decision.NOT_APPLIED
        with suppress(BookingError, ProcessDied):
            resolve_refund(
                refund_id=refund.pk,
                resolution=a_resolution(Decision.RETRY if ask else truth),
                payments=gateways_of(self.payments),
            )

    def _decide_failed(self, refund: Refund, decision: AfterFailure) -> None:
        said = FailureResolution(decision, STAFF, "why", uuid.uuid4().hex, reference="transfer 17")
        with suppress(BookingError, ProcessDied):
            decide_failed_refund(refund_id=refund.pk, resolution=said)

    def _what_happened(self, key: uuid.UUID) -> Decision:
        """What staff hear when they ask the Flight Service by phone: the truth."""
        return Decision.APPLIED if self.flights.has_applied(key) else Decision.NOT_APPLIED

    def _create(self, key: str, order: SeatOrder, *, patient: bool, faults: list[Fault]) -> None:
        self.flights.fail_next(*faults)
        keyed = KeyedRequest.of(principal="p", endpoint="c", key=key, validated={}) if key else None
        with suppress(BookingError, ProcessDied):
            result = create_booking(
                order=order, actor=customer(), keyed=keyed, respond_async=patient, flights=self.flights
            )
            self._is_the_only_answer(key, render(result))

    def _choose(self, key: str, wish: SeatWish, *, faults: list[Fault]) -> None:
        self.flights.fail_next(*faults)
        keyed = KeyedRequest.of(principal="p", endpoint="s", key=key, validated={})
        with suppress(BookingError, ProcessDied):
            result = change_seats(wish=wish, keyed=keyed, flights=self.flights)
            if not isinstance(result, SeatChangePending):  # that is no decision either
                self._is_the_only_answer(key, render(result))

    def _named(self, order: list[int], seats: int) -> tuple[str, ...]:
        return numbers_in(as_text(self.numbers[place] for place in order[:seats]))

    def _pay(self, key: str, order: PaymentOrder, *, faults: list[ChargeFault]) -> None:
        self.payments.fail_next(*faults)
        keyed = KeyedRequest.of(principal="p", endpoint="p", key=key, validated={})
        with suppress(BookingError, ProcessDied):
            result = pay_booking(
                order=order, actor=customer(), keyed=keyed, payments=self.payments, gateways=gateways_of(self.payments)
            )
            if not isinstance(result, PaymentPending):  # "being settled" is no decision
                self._is_the_only_answer(key, render(result))

    def _is_the_only_answer(self, key: str, answer: Response) -> None:
        if key:
            first = self.answers.setdefault(key, answer)
            assert (first.status, first.body) == (answer.status, answer.body)

    def _keeps_its_numbers(self, row: Booking) -> bool:
        """No booking shows a number that is not kept there: while it is exchanged, one of two sets of them."""
        if row.status not in (BookingStatus.INITIATED, BookingStatus.BOOKED):
            return True
        either = [row.seat_numbers, row.wanted_seats] if row.wanted_seats else [row.seat_numbers]
        return any(self.flights.seats_taken(row.flight_id).issuperset(numbers_in(numbers)) for numbers in either)

    def _seats_are_accounted_for(self, flight: int, bookings: list[Booking]) -> None:
        """held <= taken <= held + seats of unresolved takes + seats owed back."""
        held = _seats(row for row in bookings if row.status in (BookingStatus.INITIATED, BookingStatus.BOOKED))
        asked = _seats(row for row in bookings if row.hold in (Hold.ASKING, Hold.STUCK))
        owed = _seats(row for row in bookings if row.hold == Hold.GIVING_BACK and not _is_back(row))
        taken = self.flights.taken(flight)
        assert 0 <= held <= taken <= CAPACITY
        assert taken <= held + asked + owed + self._taken_besides(flight)

    def _taken_besides(self, flight: int) -> int:
        """Seats that are taken there and that only a comparison finds."""
        return 0

    def _put_right(self) -> None:
        """Give those back."""


def _seats(bookings: Iterable[Booking]) -> int:
    return sum(row.no_of_seats for row in bookings)


def _is_back(booking: Booking) -> bool:
    return booking.give_back is not None and booking.give_back.state == SeatCallState.DONE


class AnyOrderWithoutNumbers(AnyOrder):
    """
    The Flight Service shows maps, counts what is named, and keeps no number.

    It reads an exchange as a reservation, and gives nothing back: that is stuck, and what is too many is found by
    comparing, and put right by hand.
    """

    IGNORES_NUMBERS = True

    def _taken_besides(self, flight: int) -> int:
        # Of a reservation that was counted, and whose repetition was refused, staff can say no more than: not applied.
        refused = Booking.objects.filter(flight_id=flight, hold=Hold.REFUSED).values_list("hold_key", "no_of_seats")
        exchanges = SeatExchange.objects.filter(flight_id=flight).values_list("call_key", "seats")
        return sum(seats for key, seats in (*refused, *exchanges) if self.flights.has_counted(key))

    def _put_right(self) -> None:
        found = reconcile_seats(flights=self.flights, deadline=Deadline(60))
        correct_seats(drift=found.drift, flights=self.flights, deadline=Deadline(60), actor=STAFF, note="why")
