"""`expand[]`: shows an object in the place of its id."""

from collections.abc import Sequence
from typing import Any

from paysim.account import Account
from paysim.errors import invalid

MAX_DEPTH = 4

# Which field of which object leads to which.
LEADS_TO = {
    ("payment_intent", "latest_charge"): "charge",
    ("payment_intent", "payment_method"): "payment_method",
    ("charge", "payment_intent"): "payment_intent",
    ("refund", "charge"): "charge",
    ("refund", "payment_intent"): "payment_intent",
    ("dispute", "charge"): "charge",
    ("dispute", "payment_intent"): "payment_intent",
}


def check_paths(kind: str, paths: Sequence[str], *, in_list: bool) -> list[list[str]]:
    """
    Return the fields of each path.

    :raises Refused: if a path is too deep, or leads through what is no other object
    """
    found = []
    for path in paths:
        fields = path.split(".")
        if len(fields) > MAX_DEPTH:
            raise invalid(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}", param="expand"
            )
        if in_list and fields[0] != "data":
            raise _not_expandable(path)
        fields = fields[1:] if in_list else fields
        at = kind
        for field in fields:
            if (at, field) not in LEADS_TO:
                raise _not_expandable(path)
            at = LEADS_TO[at, field]
        found.append(fields)
    return found


def _not_expandable(path: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({path.rpartition('.')[2]}). You may want to try expanding one of its "
        "properties, or check that it is spelled as in the documentation.",
        param="expand",
    )


def expand(account: Account, shown: dict[str, Any], paths: Sequence[Sequence[str]]) -> None:
    """Put the objects into the places of their ids."""
    for fields in paths:
        at = shown
        for field in fields:
            found = at.get(field)
            if isinstance(found, str):
                kind = LEADS_TO[at["object"], field]
                at[field] = found = account.find(kind, found, param="expand").shown
            if found is None:
                break
            at = found
