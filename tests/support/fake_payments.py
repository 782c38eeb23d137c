"""A payment gateway as a second implementation: in memory, keyed, and faulty on demand."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any
from uuid import UUID

from bookings.gateways.payments.quiet import QuietGateway
from bookings.ports import (
    Action,
    ActionKind,
    AwaitsBank,
    AwaitsPayer,
    Charged,
    ChargeOutcome,
    Closed,
    Declined,
    Intent,
    NotSent,
    Opened,
    OpenOutcome,
    RefundAwaits,
    Refunded,
    RefundFailed,
    RefundOrder,
    RefundOutcome,
    Unknown,
)
from bookings.text.money import Money
from tests.support.faults import ChargeFault, Planned


class FakePayments(QuietGateway, Planned[ChargeFault]):
    """
    A payment gateway that is another system: one payment for each key, which is charged once, or closed.

    Without a fault each charge succeeds. `down` answers nothing, and `resting` is not asked. With `needs_payer` the
    payer confirms what comes without a token. `says` plans answers of other calls, `payer_pays` is the payer.
    """

    name = "fake"
    settles_here = False

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.resting = False
        self.needs_payer = False
        self.why_not = ""
        self.charges: dict[UUID, tuple[str, Money]] = {}
        # Refunds that were made, by their keys: of which charge, and how much.
        self.refunds: dict[UUID, UUID] = {}
        self.given_back: dict[UUID, Money] = {}
        self.looked_at: list[UUID] = []
        self._refunds_wait: dict[UUID, RefundOrder] = {}
        self.asked: list[UUID] = []
        self.calls: list[str] = []
        self.tokens: list[str] = []
        self._intents: dict[UUID, Intent] = {}
        self._waiting: dict[UUID, ChargeOutcome] = {}
        self._closed: set[UUID] = set()
        # Of payments whose token did not do: without a secret nobody pays these but by another token.
        self._secrets_told: set[UUID] = set()
        self._planned: dict[str, deque[Any]] = {"open": deque(), "look": deque(), "close": deque()}
        self._happens: dict[str, deque[Callable[[], object]]] = defaultdict(deque)

    # --- the port ---------------------------------------------------------------------------------------

    def refuses(self, money: Money) -> str:
        return self.why_not

    def is_available(self) -> bool:
        return not self.resting

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        said = self._said("open")
        if said is not None:
            return said
        self._intents[intent.key] = intent
        self._let_happen("open")
        return Opened(f"fake-{intent.key}", self._action(intent) if intent.by_payer and self.needs_payer else None)

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        key = intent.key
        self.asked.append(key)
        self.tokens.append(payer_token)
        self.calls.append("charge")
        fault = self._next_fault()
        if fault is ChargeFault.NOT_SENT:
            return NotSent("refused to connect")
        if self.down or fault is ChargeFault.UNKNOWN:
            self._planned["look"].append(Unknown("no answer"))
            return Unknown("no answer")
        with self._lock:
            self._intents[key] = intent
            if key not in self.charges and key not in self._closed:
                self._take(intent, fault)
        self._let_it_be_under_way(fault)
        if fault is ChargeFault.UNKNOWN_MOVED:
            self._planned["look"].append(Unknown("no answer"))
            return Unknown("answer lost")
        return self._stands(key)

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        said = self._said("look")
        answer = self._stands(intent.key) if said is None else said
        self._let_happen("look")
        return answer

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        said = self._said("close")
        if said is not None:
            return said
        with self._lock:
            if intent.key not in self.charges and not isinstance(self._waiting.get(intent.key), AwaitsBank):
                self._closed.add(intent.key)
        answer = self._stands(intent.key)
        self._let_happen("close")
        return answer

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        key, charge_key = order.key, order.intent.key
        self.asked.append(key)
        fault = self._next_fault()
        if fault is ChargeFault.NOT_SENT:
            return NotSent("refused to connect")
        if self.down or fault is ChargeFault.UNKNOWN or charge_key not in self.charges:
            return Unknown("no answer")
        if fault is ChargeFault.REFUND_FAILS:
            return RefundFailed("expired_or_canceled_card", f"fake-{key}")
        if fault is ChargeFault.REFUND_WAITS or key in self._refunds_wait:
            self._refunds_wait[key] = order
            return RefundAwaits(f"fake-{key}", "pending")
        self._give_back(order)
        self._let_it_be_under_way(fault)
        return Unknown("answer lost") if fault is ChargeFault.UNKNOWN_MOVED else Refunded()

    def look_at_refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        self.looked_at.append(order.key)
        fault = self._next_fault()
        if self.down or fault is ChargeFault.UNKNOWN:
            return Unknown("no answer")
        if fault is ChargeFault.REFUND_FAILS:
            self._refunds_wait.pop(order.key, None)
            return RefundFailed("expired_or_canceled_card")
        return RefundAwaits(f"fake-{order.key}", "pending") if order.key in self._refunds_wait else Refunded(order.id)

    # --- for tests --------------------------------------------------------------------------------------

    def says(self, call: str, *outcomes: Any) -> None:
        """Answer the next calls of this kind so, whatever is true. Nothing is done for them."""
        self._planned[call].extend(outcomes)

    def forget_plans(self) -> None:
        """Answer as it is from now on."""
        for planned in self._planned.values():
            planned.clear()

    def during(self, call: str, action: Callable[[], object]) -> None:
        """Run `action` while the next call of this kind is under way: carried out, and not yet answered."""
        self._happens[call].append(action)

    def payer_pays(self, key: UUID) -> bool:
        """Let the payer, or their bank, say yes; tells whether the money was taken."""
        with self._lock:
            if key in self._closed:
                return False
            self._waiting.pop(key, None)
            self.charges.setdefault(key, (self._intents[key].reference, self._intents[key].money))
        return True

    def payers_pay(self) -> None:
        """Let every payer and bank that is waited for, or can try again, say yes, as they do some time."""
        for key, stands in list(self._waiting.items()):
            if not isinstance(stands, Declined) or self._intents[key].by_payer or key in self._secrets_told:
                self.payer_pays(key)

    def payer_is_declined(self, key: UUID, code: str = "generic_decline") -> None:
        """Let the payer's bank say no: the payer may try again."""
        self._waiting[key] = Declined(code)

    def finish_refunds(self) -> None:
        """Make the refunds that wait, as a gateway does some time."""
        for key in list(self._refunds_wait):
            self._give_back(self._refunds_wait.pop(key))

    def net_charges(self, reference: str) -> int:
        """Charges of a booking, without those that went back as a whole."""
        return self.charged()[reference]

    def charged(self) -> Counter[str]:
        """The same of every booking, by its reference."""
        with self._lock:
            net = Counter(reference for reference, _amount in self.charges.values())
            for charge_key in set(self.refunds.values()):
                reference, money = self.charges[charge_key]
                given = [self.given_back[key].amount for key, of in self.refunds.items() if of == charge_key]
                net[reference] -= sum(given) // money.amount
        return net

    def can_be_paid(self, key: UUID) -> bool:
        """Tell whether the payer could still pay this."""
        return key in self._intents and key not in self._closed and key not in self.charges

    def _give_back(self, order: RefundOrder) -> None:
        with self._lock:
            self.refunds.setdefault(order.key, order.intent.key)
            self.given_back.setdefault(order.key, order.money)

    def _take(self, intent: Intent, fault: ChargeFault | None) -> None:
        key = intent.key
        if fault is ChargeFault.DECLINE:
            self._waiting[key] = Declined("insufficient_funds")
        elif fault is ChargeFault.AWAITS_PAYER:
            self._secrets_told.add(key)
            self._waiting[key] = AwaitsPayer(Action(ActionKind.AUTHENTICATE, {"clientSecret": f"secret-{key}"}))
        elif fault is ChargeFault.AWAITS_BANK:
            self._waiting[key] = AwaitsBank()
        else:
            self._waiting.pop(key, None)
            self.charges[key] = (intent.reference, intent.money)

    def _stands(self, key: UUID) -> ChargeOutcome:
        if key in self.charges:
            return Charged(self.charges[key][1], key, f"charge-{key}")
        if key in self._closed:
            return Closed()
        intent = self._intents.get(key)
        if intent is not None and intent.by_payer and self.needs_payer and key not in self._waiting:
            return AwaitsPayer(self._action(intent))
        return self._waiting.get(key, AwaitsPayer())

    def _action(self, intent: Intent) -> Action:
        return Action(ActionKind.CONFIRM, {"publishableKey": "pk", "clientSecret": f"secret-{intent.key}"})

    def _let_happen(self, call: str) -> None:
        if self._happens[call]:
            self._happens[call].popleft()()

    def _said(self, call: str) -> Any:
        """What is planned for this call, or None; a gateway that is down has no answer."""
        self.calls.append(call)
        if self._planned[call]:
            return self._planned[call].popleft()
        return Unknown("no answer") if self.down else None
