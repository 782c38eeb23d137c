"""Checks answers against Stripe's own description of them."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.paysim.cut_schema import SCHEMA


@cache
def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text())["$defs"]
    return found


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"$defs": _definitions(), "$ref": f"#/$defs/{kind}"})


def mistakes(shown: dict[str, Any]) -> list[str]:
    """Return what Stripe's description does not allow of an answer: an object, a list of objects, or an error."""
    if "error" in shown:
        return _mistakes("error", shown)
    kind = shown.get("object")
    if kind == "list":
        unknown = shown.keys() ^ {"object", "data", "has_more", "url"}
        return [*(f"list: {name}" for name in unknown), *(line for each in shown["data"] for line in mistakes(each))]
    if kind not in _definitions():
        return [f"no object of Stripe: {kind}"]
    found = _mistakes(kind, shown)
    # The description says of what an event is about only that it is an object.
    return found + (mistakes(shown["data"]["object"]) if kind == "event" else [])


def _mistakes(kind: str, shown: dict[str, Any]) -> list[str]:
    return [
        f"{kind}{error.json_path.removeprefix('$')}: {error.message[:300]}"
        for error in _validator(kind).iter_errors(shown)
    ]
