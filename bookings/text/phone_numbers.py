"""Numbers that an SMS is sent to, in the one form of E.164: a plus, the country, and the rest, without blanks."""

import re

# E.164 allows fifteen digits. No country has numbers of fewer than seven, its code included.
LONGEST = 16
PATTERN = r"^\+[1-9][0-9]{6,14}$"
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


def is_normal(text: str) -> bool:
    """Tell whether a text is a number in that form."""
    return NUMBER.fullmatch(text) is not None
