"""
The alphabet of SMS, GSM 03.38: 160 of its characters are one SMS. With one other character only 70 are.

What is not in it is written without its accents, or left out: a name in an SMS is there to be recognized.
"""

import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these takes the room of two.
EXTENDED = frozenset("\f^{}\\[~]|€")

ONE_SMS = 160


def room_of(text: str) -> int | None:
    """Tell how many characters of one SMS a text takes; None: it has others than those of SMS."""
    if not set(text) <= BASIC | EXTENDED:
        return None
    return len(text) + sum(each in EXTENDED for each in text)


def plain(text: str, *, longest: int) -> str:
    """Write a name by letters, digits and signs that take the room of one each, on one line, and cut what is longer."""
    without_accents = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    written = "".join(each for each in without_accents if each.isprintable() and each in BASIC)
    return " ".join(written.split())[:longest].rstrip()
