"""How the Flight Service speaks: what it says no with, and whether it keeps seats by number."""

import re

from django.core.exceptions import ImproperlyConfigured

from bookingsite.config.env import env, yes_or_no

REFUSALS = ("insufficient_seats", "flight_not_found")


def refusal_codes(name: str) -> dict[tuple[int, str], str]:
    """
    Read how a Flight Service refuses in its own words: `status[:word]=meaning`, with semicolons between them.

    :raises ImproperlyConfigured: if one makes no sense, or would take a success or a failure for a refusal
    """
    found: dict[tuple[int, str], str] = {}
    for each in filter(None, (part.strip() for part in str(env.str(name, default="")).split(";"))):
        said, equals, meaning = each.rpartition("=")
        status, _, word = said.partition(":")
        status, word, meaning = status.strip(), word.strip(), meaning.strip()
        is_refusal = re.fullmatch(r"4[0-9]{2}", status) or (status == "200" and word)
        if not (equals and is_refusal and meaning in REFUSALS):
            raise ImproperlyConfigured(
                f"{name} has {each!r}; it must look like 409:SOLD_OUT=insufficient_seats;404=flight_not_found, "
                f"with a status of 400 to 499, or 200 and a word, and one of: {', '.join(REFUSALS)}."
            )
        found[int(status), word] = meaning
    return found


def seat_numbers(name: str, *, keyed: bool) -> bool:
    """
    Read whether seats can be wanted by number.

    :raises ImproperlyConfigured: without keys: no counter tells what became of a number whose answer was lost
    """
    wanted = yes_or_no(name, default=False)
    if wanted and not keyed:
        raise ImproperlyConfigured(f"{name}=true needs a Flight Service with keys: FLIGHT_SERVICE_KEYED=true.")
    return wanted
