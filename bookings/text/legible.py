"""What counts as readable text: in customers' reasons, in staff's notes, and in names."""

import unicodedata
from collections.abc import Callable
from functools import cache

# Note [What can be read]
# A reason that shows nothing is no reason, and one that is shown in another order than it was written says what its
# writer did not. So there must be a letter, a number, a sign of punctuation or a symbol; and nowhere a control
# character, an end of a line (staff's notes may have several lines) or a control of direction. Joiners, selectors
# and tags between readable characters are allowed: families, flags and Persian words are written with them.

# Letters and symbols by their category, and blank; two are not known to an older Python.
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U00013441\U00013442\U0001d159")
# New emoji are not known to an older Python; what is not assigned here will be one.
EMOJI = range(0x1F000, 0x1FB00)

LINE_ENDS = frozenset("\t\n\r")
SEPARATORS = frozenset("\u2028\u2029")
DIRECTIONS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def is_visible(character: str) -> bool:
    """Tell whether a character shows on its own."""
    category = unicodedata.category(character)
    if category[0] in "LNPS":
        return character not in BLANKS
    return category == "Cn" and ord(character) in EMOJI


def is_unruly(character: str) -> bool:
    """Tell whether a character ends a line, turns the direction of others, or is a control: even within a text."""
    is_control = unicodedata.category(character) in ("Cc", "Cs")
    return is_control or character in SEPARATORS or character in DIRECTIONS


def is_legible(text: str) -> bool:
    """Tell whether a text shows anything. See Note [What can be read]."""
    return any(map(is_visible, text))


def is_orderly(text: str, *, of_lines: bool = False) -> bool:
    """
    Tell whether a text contains nothing but text. See Note [What can be read].

    :param of_lines: it may have several lines
    """
    return shown_orderly(text, of_lines=of_lines) == text


def shown_orderly(text: str, *, of_lines: bool = False) -> str:
    """Give a text with a sign in place of each character that is none. See Note [What can be read]."""
    allowed = LINE_ENDS if of_lines else frozenset()
    return "".join("\ufffd" if is_unruly(character) and character not in allowed else character for character in text)


def printable_line(said: bytes) -> str:
    """Give what another machine has said, whatever it is, as one line that can be printed."""
    text = said.decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


@cache
def pattern() -> str:
    """
    Write both rules for one line as a regular expression, for clients; blanks round it are no part of the text.

    It is long, as the languages that it is written for know categories by different names, or not at all. Beyond 16
    bits it takes every character for one that shows: JavaScript reads ranges of those only where it is told to.
    """
    blank, unruly, unseen = map(_class, (str.isspace, is_unruly, lambda character: not is_visible(character)))
    return f"^[{blank}]*[^{unruly}]*[^{unseen}][^{unruly}]*[{blank}]*$"


def _class(holds: Callable[[str], bool]) -> str:
    """Write the characters that something holds for as ranges."""
    ranges: list[tuple[int, int]] = []
    for code in (*range(0xD800), *range(0xE000, 0x10000)):  # half a character is in no JSON
        if holds(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return "".join(_written(low) if low == high else f"{_written(low)}-{_written(high)}" for low, high in ranges)


def _written(code: int) -> str:
    """Escape what would mean something in a class, or would not show."""
    character = chr(code)
    if character in r"\]^-[":
        return f"\\{character}"
    return character if is_visible(character) else f"\\u{code:04x}"
