"""Runs one behavior by one client."""

import secrets
from typing import Any

from tests.paysim.behaviors import Behavior
from tests.paysim.clients import Client

# What is another in each answer: where the request stands in Stripe's log.
OF_ONE_ANSWER = "request_log_url"


def run(behavior: Behavior, client: Client) -> None:
    """AssertionError where an answer is not as documented."""
    kept: dict[str, Any] = {}
    mark = secrets.token_hex(8)
    for call in behavior.calls:
        ids = tuple(resolved(name, kept) for name in call.ids)
        params = {name: resolved(value, kept) for name, value in call.params.items()}
        key = f"{call.key}-{mark}" if call.key else ""
        status, answer = client.call(call.operation, ids, params, key)
        assert status == call.status, (call, answer)
        for place, value in call.gives.items():
            assert resolved(value, kept) == at(answer, place), (call, place, at(answer, place), answer)
        if call.same_as:
            assert answer == kept[call.same_as], call
        if call.kept:
            kept[call.kept] = answer


def resolved(value: Any, kept: dict[str, Any]) -> Any:
    """Put what an earlier answer has into the place of `$kept.place`."""
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, _, place = value[1:].partition(".")
    return at(kept[name], place)


def at(answer: Any, place: str) -> Any:
    """Give what stands at a place of an answer, as `data.0.id`; None if there is nothing."""
    for part in place.split("."):
        if isinstance(answer, list):
            answer = answer[int(part)] if int(part) < len(answer) else None
        elif isinstance(answer, dict):
            answer = answer.get(part)
        else:
            return None
    return answer
