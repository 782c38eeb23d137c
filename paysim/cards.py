"""The test cards of Stripe's documentation: https://docs.stripe.com/testing."""

from typing import NamedTuple


class Decline(NamedTuple):
    """Why a card is declined: the error's code, the bank's own code, and the words for a person."""

    code: str
    decline_code: str
    message: str


class Card(NamedTuple):
    """A card and what it does; `refunds` is how a refund to it ends, `dispute` the reason of one that is opened."""

    token: str
    number: str
    label: str
    brand: str = "visa"
    country: str = "US"
    authenticates: bool = False
    decline: Decline | None = None
    processes: bool = False
    refunds: str = "succeeded"
    dispute: str = ""
    inquiry: bool = False

    @property
    def last4(self) -> str:
        """The last digits, which are shown."""
        return self.number[-4:]


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", decline_code, message)


_FUNDS = _declined("insufficient_funds", "Your card has insufficient funds.")

CARDS = (
    Card("pm_card_visa", "4242424242424242", "pays"),
    Card("pm_card_mastercard", "5555555555554444", "pays", brand="mastercard"),
    Card("pm_card_amex", "378282246310005", "pays", brand="amex"),
    Card("pm_card_authenticationRequired", "4000002760003184", "asks for 3-D Secure", authenticates=True),
    Card("pm_card_threeDSecure2Required", "4000000000003220", "asks for 3-D Secure", authenticates=True),
    Card(
        "pm_card_threeDSecureRequiredChargeDeclined",
        "4000008400001629",
        "asks for 3-D Secure, then is declined",
        authenticates=True,
        decline=_declined("generic_decline"),
    ),
    Card(
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        "asks for 3-D Secure, then lacks funds",
        authenticates=True,
        decline=_FUNDS,
    ),
    Card("pm_card_visa_chargeDeclined", "4000000000000002", "is declined", decline=_declined("generic_decline")),
    Card("pm_card_visa_chargeDeclinedInsufficientFunds", "4000000000009995", "lacks funds", decline=_FUNDS),
    Card("pm_card_visa_chargeDeclinedLostCard", "4000000000009987", "is lost", decline=_declined("lost_card")),
    Card("pm_card_visa_chargeDeclinedStolenCard", "4000000000009979", "is stolen", decline=_declined("stolen_card")),
    Card(
        "pm_card_chargeDeclinedExpiredCard",
        "4000000000000069",
        "has expired",
        decline=Decline("expired_card", "", "Your card has expired."),
    ),
    Card(
        "pm_card_chargeDeclinedIncorrectCvc",
        "4000000000000127",
        "has another security code",
        decline=Decline("incorrect_cvc", "", "Your card's security code is incorrect."),
    ),
    Card(
        "pm_card_chargeDeclinedProcessingError",
        "4000000000000119",
        "meets an error at the bank",
        decline=Decline(
            "processing_error", "", "An error occurred while processing your card. Try again in a little bit."
        ),
    ),
    Card(
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "4000000000006975",
        "was used too often",
        decline=_declined("card_velocity_exceeded"),
    ),
    Card("pm_card_radarBlock", "4100000000000019", "is blocked as fraud", decline=_declined("fraudulent")),
    Card("pm_card_createDispute", "4000000000000259", "pays, then is disputed as fraud", dispute="fraudulent"),
    Card(
        "pm_card_createDisputeProductNotReceived",
        "4000000000002685",
        "pays, then is disputed as not received",
        dispute="product_not_received",
    ),
    Card(
        "pm_card_createDisputeInquiry",
        "4000000000001976",
        "pays, then the bank inquires",
        dispute="fraudulent",
        inquiry=True,
    ),
    Card("pm_card_pendingRefund", "4000000000007726", "pays; a refund waits", refunds="pending"),
    Card("pm_card_refundFail", "4000000000005126", "pays; a refund fails later", refunds="fails"),
    # Not Stripe's: a card has no such state there, other methods of payment do.
    Card("pm_card_paysimProcessing", "4000000000009235", "is worked on by the bank", processes=True),
)

BY_TOKEN = {card.token: card for card in CARDS} | {
    # Older names of the documentation, which still hold.
    f"pm_card_{card.token.removeprefix('pm_card_visa_')}": card
    for card in CARDS
    if card.token.startswith("pm_card_visa_")
}
BY_NUMBER = {card.number: card for card in CARDS}


def card_of(word: str) -> Card | None:
    """Return the card of a token or a number, spaces or not; None if it is no test card."""
    return BY_TOKEN.get(word) or BY_NUMBER.get(word.replace(" ", ""))
