"""Lists: newest first, in pages, as https://docs.stripe.com/api/pagination says."""

from collections.abc import Mapping
from typing import Any

from paysim import parameters as p
from paysim.account import NAMES, Account
from paysim.errors import invalid, missing
from paysim.forms import Form
from paysim.store import Wanted

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

_OF_EVERY_LIST: dict[str, p.Reader] = {
    "limit": p.integer,
    "starting_after": p.text,
    "ending_before": p.text,
}


def list_of(account: Account, kind: str, form: Form, filters: Mapping[str, p.Reader]) -> dict[str, Any]:
    """
    Return one page of a list.

    `filters` are the parameters of this list; `created` and `payment_intent` have a meaning here, every other one is
    compared with the field of its name.

    :raises Refused: if a parameter makes no sense, or a cursor names no object
    """
    values = p.read(form, {**_OF_EVERY_LIST, **filters})
    limit = values.pop("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(f"Limit must be between 1 and {MAX_LIMIT}", param="limit", code="parameter_invalid_integer")
    after, before = values.pop("starting_after", None), values.pop("ending_before", None)
    if after is not None and before is not None:
        raise invalid("You may only specify one of these parameters: ending_before, starting_after.")
    for param, name in (("starting_after", after), ("ending_before", before)):
        if name is not None and account.store.find(kind, name) is None:
            raise missing(NAMES[kind][0], name, param=param, in_path=False)
    first, last = values.pop("created", p.Span(None, None))
    wanted = Wanted(
        intent=values.pop("payment_intent", None),
        first=first,
        last=last,
        values={name: tuple(value) if isinstance(value, list) else (value,) for name, value in values.items()},
        after=after,
        before=before,
    )
    found = account.store.some(kind, wanted, limit=limit + 1)
    # One more than asked for shows that there are more; towards the newest it stands in front.
    page = found[-limit:] if before is not None else found[:limit]
    return {
        "object": "list",
        "data": [thing.shown for thing in page],
        "has_more": len(found) > limit,
        "url": f"/v1/{kind}s",
    }
