"""Makes what the tests of the stand-in begin with."""

from typing import Any

from tests.support.paysim import PaySim

TEN = {"amount": 1099, "currency": "usd", "payment_method_types[]": "card"}


def an_intent(paysim: PaySim, **form: str | int) -> dict[str, Any]:
    """Make an intent of 10.99 USD."""
    answer = paysim.api("POST", "payment_intents", **TEN, **form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def a_paid_intent(paysim: PaySim, card: str = "pm_card_visa", **form: str | int) -> dict[str, Any]:
    """Make an intent and confirm it with a card that needs nothing of its payer."""
    return an_intent(paysim, confirm="true", payment_method=card, **form)


def looked_at(paysim: PaySim, thing: dict[str, Any]) -> dict[str, Any]:
    """Read an object again."""
    found: dict[str, Any] = paysim.api("GET", f"{thing['object']}s/{thing['id']}").json()
    return found


def events_of(paysim: PaySim, intent: dict[str, Any]) -> list[str]:
    """Give the types of all events of an intent, the first first."""
    events = paysim.api("GET", "events", limit=100).json()["data"]
    about = ({each["data"]["object"].get("payment_intent"), each["data"]["object"]["id"]} for each in events)
    return [each["type"] for each, ids in zip(events, about, strict=True) if intent["id"] in ids][::-1]
