"""Each payment gateway with what stands behind it: a payer, money that was taken, and a network that loses things."""

import uuid
from dataclasses import replace
from typing import Any

from bookings.gateways.payments.demo import DECLINED_USER, PAYER_USER, DemoPayments
from bookings.gateways.payments.guard import PaymentGuard
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Payment
from bookings.ports import ChargeOutcome, Intent, Opened, PaymentGateway
from bookings.text.money import Money
from tests.support.bookings import a_payment_row, a_saved_row
from tests.support.capturing_payments import CapturingPayments, Orders
from tests.support.fakes import ChargeFault, FakePayments
from tests.support.paysim import SECRET, WEBHOOK_SECRET, PaySim
from tests.support.stripe import stripe_at

# What a payer pays with: it is good, it has no money, the bank asks first.
GOOD, EMPTY, ASKS = "good", "empty", "asks"


class Peer:
    """A gateway whose other side can be asked and disturbed; `knows` are the ways of a payer that it has."""

    knows = (GOOD,)
    is_elsewhere = True
    gateway: PaymentGateway

    def an_intent(self, means: str = GOOD) -> Intent:
        """Make a payment over 20.00 that nothing was asked about."""
        return Intent(uuid.uuid4(), "", Money(2000, "EUR"), "BK3M7P2X", by_payer=False)

    def opened(self, means: str = GOOD) -> Intent:
        """Open a payment that a payer with these means has begun to pay."""
        intent = self.an_intent(means)
        answer = self.gateway.open(intent, seconds=5)
        assert isinstance(answer, Opened)
        intent = replace(intent, id=answer.id)
        self.payer_comes(intent, means)
        return intent

    def charge(self, intent: Intent, means: str = GOOD) -> ChargeOutcome:
        """Charge it by what the payer's client has brought."""
        return self.gateway.charge(intent, payer_token=self.token(intent, means), seconds=5)

    def token(self, intent: Intent, means: str) -> str:
        return ""

    def payer_comes(self, intent: Intent, means: str) -> None:
        """Play what the payer does before the charge."""

    def payer_proves(self, intent: Intent) -> None:
        """Play what the payer does when the bank asks."""

    def taken(self, intent: Intent) -> int:
        """What was taken and not given back, in minor units."""
        raise NotImplementedError

    def lose(self, what: str) -> None:
        """Lose the next `request`, or the `reply` to it."""
        raise NotImplementedError

    def lose_no_more(self) -> None:
        """Let the network be well again."""

    def go_down(self) -> None:
        """Answer nothing from now on."""
        raise NotImplementedError


class Instant(Peer):
    """Its rows are the charges."""

    is_elsewhere = False

    def __init__(self) -> None:
        self.gateway = InstantPayments()


class Demo(Peer):
    """Says of a payment what its row says."""

    knows = (GOOD, EMPTY, ASKS)
    is_elsewhere = False

    def __init__(self) -> None:
        self.gateway = DemoPayments()

    def an_intent(self, means: str = GOOD) -> Intent:
        user = {GOOD: 1001, EMPTY: DECLINED_USER, ASKS: PAYER_USER}[means]
        payment = a_payment_row(a_saved_row(user_id=user))
        return Intent(payment.gateway_key, "", payment.money, "BK3M7P2X", by_payer=False)

    def payer_proves(self, intent: Intent) -> None:
        row = Payment.objects.get(gateway_key=intent.key)
        Payment.objects.filter(pk=row.pk).update(created_at=row.created_at.replace(year=row.created_at.year - 1))


class InMemory(Peer):
    """The fake of the tests of the services."""

    knows = (GOOD, EMPTY)

    def __init__(self) -> None:
        self.gateway = self.fake = FakePayments()

    def payer_comes(self, intent: Intent, means: str) -> None:
        if means == EMPTY:
            self.fake.fail_next(ChargeFault.DECLINE)

    def taken(self, intent: Intent) -> int:
        charged = self.fake.charges.get(intent.key)
        return charged[1].amount if charged and intent.key not in self.fake.refunds.values() else 0

    def lose(self, what: str) -> None:
        self.fake.fail_next(ChargeFault.UNKNOWN if what == "request" else ChargeFault.UNKNOWN_MOVED)

    def lose_no_more(self) -> None:
        self.fake.forget_plans()


class Capturing(Peer):
    """Approve, then capture."""

    knows = (GOOD, EMPTY, ASKS)

    def __init__(self) -> None:
        self.orders = Orders()
        self.gateway = CapturingPayments(self.orders)

    def payer_comes(self, intent: Intent, means: str) -> None:
        order = self.orders.orders[intent.id]
        order.approved, order.is_covered = means != ASKS, means != EMPTY

    def payer_proves(self, intent: Intent) -> None:
        self.orders.orders[intent.id].approved = True

    def taken(self, intent: Intent) -> int:
        return self.orders.taken(intent.id)

    def lose(self, what: str) -> None:
        self.orders.loses = what

    def go_down(self) -> None:
        self.orders.is_down = True


class Stripe(Peer):
    """The gateway to Stripe, and the stand-in for it."""

    knows = (GOOD, EMPTY, ASKS)
    CARDS = {
        GOOD: "pm_card_visa",
        EMPTY: "pm_card_visa_chargeDeclinedInsufficientFunds",
        ASKS: "pm_card_authenticationRequired",
    }

    def __init__(self, sim: PaySim) -> None:
        self.sim = sim
        self.gateway = stripe_at(
            sim.url,
            api_key=SECRET,
            webhook_secrets=[WEBHOOK_SECRET],
            # Its breaker rests as long as a test may take.
            guard=PaymentGuard("stripe", clock=lambda: 1000.0),
        )

    def token(self, intent: Intent, means: str) -> str:
        made = self.sim.api("POST", "test_helpers/confirmation_tokens", payment_method=self.CARDS[means])
        return str(made.json()["id"])

    def payer_proves(self, intent: Intent) -> None:
        self.sim.payer(self.secret(intent), "authenticate")

    def secret(self, intent: Intent) -> str:
        return str(self.sim.api("GET", f"payment_intents/{intent.id}").json()["client_secret"])

    def taken(self, intent: Intent) -> int:
        entry: dict[str, Any] = self.sim.ledger("payment_key")[str(intent.key)]
        assert entry["charges"] <= 1
        return int(entry["charged"] - entry["refunded"])

    def lose(self, what: str) -> None:
        rate = "drop_request_rate" if what == "request" else "drop_reply_rate"
        self.sim.faults(**{rate: 1.0, "times": 1, "only": "POST /v1/(payment_intents|refunds)"})

    def go_down(self) -> None:
        self.sim.stop()
