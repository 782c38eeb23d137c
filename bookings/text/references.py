"""
What a booking is called: what new references are made of, and how one that somebody typed is read.

Pure. See Note [Why a reference begins and ends with a consonant].
"""

# Note [Why a reference begins and ends with a consonant]
# References travel in exports, and a spreadsheet makes numbers and dates of text that looks like one, without
# asking: 23456789, 12E45678 (an exponent), 29MAY234 and MAR23456 (dates), R2345678 and 234567KR (money), 2345678P
# (a time). All of these begin or end with a digit. What does neither is text, unless it is a word: those
# (TRUE, MARCH, and what nobody wants to read out on the telephone) need a vowel, and there are none: Y counts as
# one. 0, O, 1, I and L are missed besides, as people mistake them for one another.

import re
import secrets

DIGITS = "23456789"
CONSONANTS = "BCDFGHJKMNPQRSTVWXZ"
LENGTH = 8

# References are never used again. At a thousand million bookings one new reference in 140 is taken.
HOW_MANY = len(CONSONANTS) ** 2 * len(DIGITS + CONSONANTS) ** (LENGTH - 2)

# Those of bookings made before there were eight characters have six, of any letter.
_READ = re.compile(r"[A-Z0-9]{6}(?:[A-Z0-9]{2})?")
_BETWEEN_LETTERS = re.compile(r"[\s\u00a0.\u2010-\u2015-]+")


def new_reference() -> str:
    """Draw a reference by lot; it may be taken."""
    return reference_at(secrets.randbelow(HOW_MANY))


def reference_at(place: int) -> str:
    """The reference at a place among all that there are, from 0; two places below `HOW_MANY` never share one."""
    letters = []
    for position in range(LENGTH):
        choice = CONSONANTS if position in (0, LENGTH - 1) else DIGITS + CONSONANTS
        place, index = divmod(place, len(choice))
        letters.append(choice[index])
    if place:
        raise ValueError("there are not as many references")
    return "".join(reversed(letters))


def reference_in(text: str) -> str:
    """
    Read a reference as a customer spells it: without its blanks, dots and dashes, in capitals.

    Empty if it can be none, for its length or what is in it.
    """
    letters = _BETWEEN_LETTERS.sub("", text).upper()
    return letters if _READ.fullmatch(letters) else ""
