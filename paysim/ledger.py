"""What was charged and given back in all, by what the merchant wrote into the metadata."""

from typing import Any

from paysim.account import Account
from paysim.store import Wanted


def ledger(account: Account, by: str) -> dict[str, dict[str, Any]]:
    """
    Return one entry for each value of this metadata key among the intents; "" is for those without it.

    `charges` are the charges that took money: more than one of an intent cannot be, more than one of an entry is what
    a merchant must not let happen.
    """
    entries: dict[str, dict[str, Any]] = {}
    refunds = _sums(account)
    for intent in account.store.some("payment_intent", Wanted(), limit=-1)[::-1]:
        entry = entries.setdefault(
            intent.shown["metadata"].get(by, ""),
            {"charges": 0, "charged": 0, "refunded": 0, "refunds_failed": 0, "currencies": [], "intents": []},
        )
        entry["intents"].append({"id": intent.id, "status": intent.shown["status"]})
        entry["charged"] += intent.shown["amount_received"]
        entry["charges"] += intent.shown["amount_received"] > 0
        refunded, refunds_failed = refunds.get(intent.id, (0, 0))
        entry["refunded"] += refunded
        entry["refunds_failed"] += refunds_failed
        if intent.shown["currency"] not in entry["currencies"]:
            entry["currencies"].append(intent.shown["currency"])
    return entries


def _sums(account: Account) -> dict[str, tuple[int, int]]:
    """Return what was refunded of each intent, and what of that came back."""
    sums: dict[str, tuple[int, int]] = {}
    for refund in account.store.some("refund", Wanted(), limit=-1):
        done, came_back = sums.get(str(refund.intent), (0, 0))
        failed = refund.shown["status"] in ("failed", "canceled")
        amount = refund.shown["amount"]
        sums[str(refund.intent)] = (done, came_back + amount) if failed else (done + amount, came_back)
    return sums
