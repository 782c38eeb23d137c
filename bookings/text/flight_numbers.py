"""How a flight number is read that a person or a client has written."""

import re

from bookings.conf import LONGEST_NAME_OF_A_FLIGHT

# An airline by two signs (IATA) or three letters (ICAO), and up to four digits.
_NUMBER = re.compile(r"([A-Z][A-Z0-9]|[0-9][A-Z]|[A-Z]{3})([0-9]{1,4}[A-Z]?)", re.ASCII)
_BETWEEN = re.compile(r"[\s-]+")


def is_flight_number(text: str) -> bool:
    """Tell whether a text has the form of a flight number, however it is spelled."""
    return _read(text) is not None


def spellings_of(text: str) -> tuple[str, ...]:
    """
    Give the ways in which a Flight Service may have written this flight number: UK 808, UK808 or UK-808.

    What is no flight number by its form is looked for as it is.
    """
    number = _read(text)
    if number is None:
        return (" ".join(text.upper().split())[:LONGEST_NAME_OF_A_FLIGHT],)
    return tuple(between.join(number.groups()) for between in (" ", "", "-"))


def _read(text: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(_BETWEEN.sub("", text.upper()))
