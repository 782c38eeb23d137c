"""What a payer does in a browser: types a card, passes the bank's check or not, or walks away."""

from paysim import parameters as p
from paysim.account import Account
from paysim.charging import attempt, fail_authentication, take
from paysim.errors import invalid, missing
from paysim.intents import check_confirmable, count_confirmation
from paysim.methods import add_method, card_typed
from paysim.store import Thing

STEPS = ("confirm", "authenticate", "fail_authentication", "walk_away")


def intent_of(account: Account, secret: str) -> Thing:
    """
    Return the intent of a client secret.

    :raises Refused: if there is none
    """
    intent = account.store.find("payment_intent", secret.partition("_secret_")[0])
    if intent is None or intent.shown["client_secret"] != secret:
        raise missing("payment_intent", secret, param="client_secret", in_path=True)
    return intent


def play(account: Account, secret: str, step: str, *, card: str = "", return_url: str | None = None) -> Thing:
    """
    Do one step of a payer, and return the intent after it.

    `confirm` needs the number or the token of a test card. Walking away changes nothing: that is its point.

    :raises Refused: if the step makes no sense now, or the card is declined
    """
    p.one_of(*STEPS)("do", step)
    intent = intent_of(account, secret)
    if step == "confirm":
        check_confirmable(intent)
        method = add_method(account, card_typed(card), intent.id)
        if count_confirmation(account, intent):
            attempt(account, intent, method, return_url=return_url)
    elif step != "walk_away":
        _answer_bank(account, intent, passes=step == "authenticate")
    return intent


def _answer_bank(account: Account, intent: Thing, *, passes: bool) -> None:
    if intent.shown["status"] != "requires_action":
        raise invalid(f"The PaymentIntent has a status of {intent.shown['status']}: no bank asks anything")
    if not passes:
        fail_authentication(account, intent)
        return
    method = account.find("payment_method", intent.shown["payment_method"], param="payment_method")
    take(account, intent, method)
