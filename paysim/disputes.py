"""Disputes: a payer asks the bank for the money back."""

from typing import Any

from paysim import parameters as p
from paysim.account import Account
from paysim.errors import Refused, invalid
from paysim.forms import Form
from paysim.lists import list_of
from paysim.store import Thing

# How long the merchant may take to answer.
ANSWER_SECONDS = 10 * 24 * 60 * 60

_REASONS = """
bank_cannot_process check_returned credit_not_processed customer_initiated debit_not_authorized duplicate fraudulent
general incorrect_account_details insufficient_funds noncompliant product_not_received product_unacceptable
subscription_canceled unrecognized
"""

_NO_EVIDENCE = """
access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal
customer_communication customer_email_address customer_name customer_purchase_ip customer_signature
duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt
refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation
shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number uncategorized_file
uncategorized_text
"""

_LIST: dict[str, p.Reader] = {"charge": p.text, "created": p.span, "payment_intent": p.text}


def open_dispute(account: Account, charge: Thing, *, reason: str, inquiry: bool, amount: int | None = None) -> Thing:
    """
    Open a dispute of a charge, or an inquiry, which takes no money yet.

    :raises Refused: if the charge has one, or the amount or the reason makes no sense
    """
    if charge.shown["disputed"]:
        raise invalid(f"Charge {charge.id} is disputed already")
    if reason not in _REASONS.split():
        raise invalid(f"reason must be one of {', '.join(_REASONS.split())}")
    amount = charge.shown["amount"] if amount is None else amount
    if not 1 <= amount <= charge.shown["amount"]:
        raise invalid("amount must be from 1 to the amount of the charge")
    shown = {
        "amount": amount,
        "balance_transactions": [],
        "charge": charge.id,
        "currency": charge.shown["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_NO_EVIDENCE.split()), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": account.now() + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "metadata": {},
        "payment_intent": charge.intent,
        "payment_method_details": {
            "card": {
                "brand": charge.shown["payment_method_details"]["card"]["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    dispute = account.add("dispute", shown, intent=charge.intent)
    charge.shown["disputed"] = True
    charge.hidden["charged_back"] = not inquiry
    account.store.save(charge)
    account.publish("charge.dispute.created", dispute)
    if not inquiry:
        account.publish("charge.dispute.funds_withdrawn", dispute)
    return dispute


def answer(account: Account, dispute: Thing) -> None:
    """
    Write that the merchant has sent evidence, which the bank looks at.

    :raises Refused: if the dispute is past that
    """
    inquiry = _is_inquiry(dispute)
    _step(
        dispute,
        "warning_needs_response" if inquiry else "needs_response",
        "warning_under_review" if inquiry else "under_review",
    )
    dispute.shown["evidence_details"] |= {"has_evidence": True, "submission_count": 1}
    account.store.save(dispute)
    account.publish("charge.dispute.updated", dispute)


def close(account: Account, dispute: Thing, *, won: bool) -> None:
    """
    Write how a dispute ended; an inquiry that is won ends without one.

    :raises Refused: if it had ended
    """
    inquiry = _is_inquiry(dispute)
    if dispute.shown["status"] in ("won", "lost", "warning_closed"):
        raise invalid(f"Dispute {dispute.id} has ended as {dispute.shown['status']}")
    if inquiry and not won:
        _escalate(account, dispute)
        return
    dispute.shown["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    dispute.shown["is_charge_refundable"] = inquiry
    charge = account.find("charge", dispute.shown["charge"], param="charge")
    charge.hidden["charged_back"] = not won
    account.store.save(charge)
    account.store.save(dispute)
    if won and not inquiry:
        account.publish("charge.dispute.funds_reinstated", dispute)
    account.publish("charge.dispute.closed", dispute)


def _escalate(account: Account, dispute: Thing) -> None:
    """Make a dispute of an inquiry: now the money is gone."""
    dispute.shown |= {"status": "needs_response", "is_charge_refundable": False}
    dispute.shown["payment_method_details"]["card"]["case_type"] = "chargeback"
    charge = account.find("charge", dispute.shown["charge"], param="charge")
    charge.hidden["charged_back"] = True
    account.store.save(charge)
    account.store.save(dispute)
    account.publish("charge.dispute.updated", dispute)
    account.publish("charge.dispute.funds_withdrawn", dispute)


def _is_inquiry(dispute: Thing) -> bool:
    return str(dispute.shown["status"]).startswith("warning_")


def _step(dispute: Thing, before: str, after: str) -> None:
    if dispute.shown["status"] != before:
        raise _wrong_step(dispute)
    dispute.shown["status"] = after


def _wrong_step(dispute: Thing) -> Refused:
    return invalid(f"Dispute {dispute.id} is {dispute.shown['status']}")


def get(account: Account, _form: Form, name: str) -> Thing:
    """Return a dispute."""
    return account.find("dispute", name, param="dispute", in_path=True)


def some(account: Account, form: Form) -> dict[str, Any]:
    """Return a list of disputes."""
    return list_of(account, "dispute", form, _LIST)
