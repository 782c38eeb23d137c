"""The page for a person: cards, the bank's question, the way back to the shop."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.paysim.making import an_intent, looked_at

BACK = "https://shop.example.com/done?booking=7"


def page(paysim, intent, query=""):
    return requests.get(f"{paysim.url}/pay/{intent['client_secret']}{query}", timeout=5)


def press(paysim, intent, do, query="", **fields):
    url = f"{paysim.url}/pay/{intent['client_secret']}{query}"
    return requests.post(url, data={"do": do, **fields}, timeout=5, allow_redirects=False)


def test_the_page_shows_what_is_paid_and_the_cards(paysim):
    intent = an_intent(paysim, description="Booking <7>")
    shown = page(paysim, intent)

    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "10.99 USD" in shown.text
    assert "Booking &lt;7&gt;" in shown.text
    assert "4000002760003184 asks for 3-D Secure" in shown.text
    assert "script" not in shown.text
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_card_pays_and_leads_back_to_the_shop(paysim):
    intent = an_intent(paysim)
    query = "?return_url=https%3A%2F%2Fshop.example.com%2Fdone%3Fbooking%3D7"
    pressed = press(paysim, intent, "confirm", query, card="pm_card_visa")
    back = urlsplit(pressed.headers["Location"])

    assert pressed.status_code == 303
    assert f"{back.scheme}://{back.netloc}{back.path}" == "https://shop.example.com/done"
    assert parse_qs(back.query) == {
        "booking": ["7"],
        "payment_intent": [intent["id"]],
        "payment_intent_client_secret": [intent["client_secret"]],
        "redirect_status": ["succeeded"],
    }
    assert looked_at(paysim, intent)["status"] == "succeeded"


def test_without_a_shop_to_go_back_to_the_page_says_that_it_is_paid(paysim):
    intent = an_intent(paysim)
    pressed = press(paysim, intent, "confirm", card="pm_card_visa")

    assert (pressed.status_code, "The payment has succeeded." in pressed.text) == (200, True)


def test_the_bank_asks_and_yes_leads_back_to_the_shop_of_the_server(paysim):
    intent = an_intent(paysim, confirm="true", payment_method="pm_card_authenticationRequired", return_url=BACK)
    asked = requests.get(intent["next_action"]["redirect_to_url"]["url"], timeout=5)
    pressed = press(paysim, intent, "authenticate")

    assert "Yes, it is me" in asked.text
    assert pressed.headers["Location"].startswith(f"{BACK}&payment_intent={intent['id']}")


def test_no_to_the_bank_charges_nothing_and_offers_the_cards_again(paysim):
    intent = an_intent(paysim)
    asked = press(paysim, intent, "confirm", card="", number="4000 0027 6000 3184")
    refused = press(paysim, intent, "fail_authentication")
    paid = press(paysim, intent, "confirm", card="pm_card_visa")

    assert "Your bank asks" in asked.text
    assert "Nothing was charged" in refused.text
    assert "Test card" in refused.text
    assert "The payment has succeeded." in paid.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"card": "pm_card_visa_chargeDeclinedInsufficientFunds"}, "Your card has insufficient funds."),
     ({"number": "1234"}, "Your card number is incorrect.")],
)  # fmt: skip
def test_a_card_that_does_not_pay_is_told(paysim, fields, words):
    intent = an_intent(paysim)
    pressed = press(paysim, intent, "confirm", **fields)

    assert words in pressed.text
    assert "Test card" in pressed.text
    assert looked_at(paysim, intent)["status"] == "requires_payment_method"


def test_who_walks_away_has_not_paid(paysim):
    intent = an_intent(paysim)

    assert press(paysim, intent, "walk_away", f"?return_url={BACK}").status_code == 200
    assert looked_at(paysim, intent)["status"] == "requires_payment_method"


def test_a_canceled_payment_says_so_and_takes_nothing(paysim):
    intent = an_intent(paysim)
    paysim.api("POST", f"payment_intents/{intent['id']}/cancel")
    pressed = press(paysim, intent, "confirm", card="pm_card_visa")

    assert "The shop has canceled this payment." in pressed.text
    assert looked_at(paysim, intent)["amount_received"] == 0


@pytest.mark.parametrize("wanted", ["javascript:alert(1)", "//example.com", "data:text/html,x"])
def test_the_page_leads_back_by_http_alone(paysim, wanted):
    intent = an_intent(paysim)
    pressed = press(paysim, intent, "confirm", f"?return_url={wanted}", card="pm_card_visa")

    assert (pressed.status_code, wanted in pressed.text) == (200, False)


def test_an_unknown_secret_shows_nothing(paysim):
    assert requests.get(f"{paysim.url}/pay/pi_1_secret_<x>", timeout=5).status_code == 404
