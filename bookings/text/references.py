"""
References of bookings: what new ones are made of, and how a typed one is read.

Pure. See Note [Why a reference begins and ends with a consonant].
"""

# Note [Why a reference begins and ends with a consonant]
# References travel in exports, and a spreadsheet makes numbers and dates of text that looks like one, without
# asking: 23456789, 12E45678 (an exponent), 29MAY234 and MAR23456 (dates), R2345678 and 234567KR (money), 2345678P
# (a time). All of these begin or end with a digit. What does neither is text, unless it is a word: those
# (TRUE, MARCH, and words that staff cannot read out on the telephone) need a vowel, and there are none: Y counts as
# one. 0, O, 1, I and L are left out too, as people confuse them.

import re
import secrets

DIGITS = "23456789"
CONSONANTS = "BCDFGHJKMNPQRSTVWXZ"
LENGTH = 8

# References are never reused. At a billion bookings one new reference in 140 is in use already.
HOW_MANY = len(CONSONANTS) ** 2 * len(DIGITS + CONSONANTS) ** (LENGTH - 2)

_READ = re.compile(rf"[A-Z0-9]{{{LENGTH}}}")
_BETWEEN_LETTERS = re.compile(r"[\s\u00a0.\u2010-\u2015-]+")


def new_reference(*, first: str = CONSONANTS) -> str:
    """
    Draw a random reference; it may be in use already.

    :param first: the consonants that it may begin with
    """
    drawn = reference_at(secrets.randbelow(HOW_MANY))
    return drawn if first == CONSONANTS else secrets.choice(first) + drawn[1:]


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
