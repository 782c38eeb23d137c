"""How an id is read that a person or a client has written."""

from bookings.conf import HIGHEST_ID

# A longer number is none that the database can hold, and Python refuses to read very long ones.
MOST_DIGITS = 19


def exact_id(text: str) -> int | None:
    """Read an id: ASCII digits and nothing else. None if the text can be none."""
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        return None
    number = int(text)
    return number if 1 <= number <= HIGHEST_ID else None


def id_in(text: str) -> int | None:
    """Read an id as staff type it, with blanks around it; None if the text can be none."""
    return exact_id(text.strip())
