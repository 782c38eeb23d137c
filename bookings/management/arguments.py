"""Arguments that several commands take."""

from bookings.conf import HIGHEST_ID


def flight(text: str) -> int:
    """
    Read the id of a flight.

    :raises ValueError: if it can be none
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= HIGHEST_ID):
        raise ValueError(text)
    return int(text)
