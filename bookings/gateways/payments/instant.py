"""The gateway of the design document: a payment succeeds at once, and its truth is this database."""

from bookings.gateways.payments.quiet import QuietGateway
from bookings.ports import Charged, ChargeOutcome, Closed, Intent, Opened, OpenOutcome


class InstantPayments(QuietGateway):
    """Says yes. Opens no socket, keeps nothing: the payment row, committed or not, is the charge."""

    name = "instant"
    settles_here = True

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        return Opened("")

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        return Charged(intent.money, intent.key)

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        return Closed()  # it would have been settled with its row

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        return Closed()
