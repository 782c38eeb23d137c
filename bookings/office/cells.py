"""
Which texts a spreadsheet would turn into something else.

Excel, LibreOffice and Google Sheets read each cell of a CSV file, quoted or not, as if it had been typed. A text that
is a number or a date to one of them, in one of the languages they know, is marked for all: the mark costs one
character, a reference that has become a number costs the booking.
"""

import functools
import re
import unicodedata

# Their numbers are exact up to here.
LARGEST_NUMBER = 10**15 - 1

FORMULA_STARTS = ("=", "+", "-", "@")

# As they read them: 12E456, 1,5e-3, and D as Fortran had it.
EXPONENT = re.compile(r"[0-9][0-9.,']*[ed][+-]?[0-9]+")
HOUR = re.compile(r"[0-9]{1,2}([:.][0-9]{1,2}){0,2} *[ap]\.? ?(m\.?)?")
ISO_TIME = re.compile(r"[0-9-]+t[0-9:.,]+(z|[+-][0-9:]+)?")
LETTERS = re.compile(r"[^\W\d_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# English, German, French, Spanish, Italian, Dutch, Portuguese, Polish; in full and cut, without accents.
MONTHS = _words(
    """
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec
    januar janner februar feber marz mai juni juli oktober dezember mrz okt dez
    janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre janv fevr fev avr juil
    enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre ene abr ago
    dic set gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre gen mag giu lug ott
    januari februari maart mei augustus mrt
    janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro out
    stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia pazdziernika listopada grudnia
    sty lut kwi maj cze lip sie wrz paz lis gru jui aou des
    """
)
WITH_MONTHS = _words(
    """
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    montag dienstag mittwoch donnerstag freitag samstag sonntag
    st nd rd th of de der am pm utc gmt
    """
)
WITH_NUMBERS = _words(
    """
    eur usd gbp chf sfr jpy cny inr sek nok dkk pln czk huf brl cad us hk nt
    kr zł zl fr dm ft kc lei rm rp tl bs gs r c 年 月 日 时 時 分 秒
    """
)
# Whole cells.
VALUES = _words(
    """
    true false wahr falsch vrai faux verdadero falso verdadeiro vero waar onwaar prawda fałsz
    sant falskt sand falsk yes no inf infinity nan today tomorrow yesterday now
    """
)
DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")


@functools.lru_cache(maxsize=4096)
def is_misread(text: str) -> bool:
    """Whether a spreadsheet may take this text for a formula, number, date, time, truth value or error."""
    # An apostrophe of its own would be read as the mark.
    if text.startswith(("'", "\t", "\r", "\n")):
        return True
    plain = _plain(text)
    if plain.startswith((*FORMULA_STARTS, "#")) or plain in VALUES:
        return True
    has_lines = len(text.strip().splitlines()) > 1  # more than one is no value of any kind
    return not has_lines and any(sign.isdigit() for sign in plain) and _is_a_value(plain)


def _is_a_value(plain: str) -> bool:
    """Whether a text with a digit in it is one number, date or time, and nothing beside it."""
    bare = "".join(sign for sign in plain if sign not in " ()%" and unicodedata.category(sign) != "Sc")
    if any(form.fullmatch(text) for form in (EXPONENT, HOUR, ISO_TIME) for text in (plain, bare)):
        return True
    words = set(LETTERS.findall(plain))
    if words & MONTHS:
        words -= MONTHS | WITH_MONTHS
    # Without words there are digits and signs alone: 1-2, 3/4, 00123, 5 %, 10:30, 1.2.2026.
    return not words - WITH_NUMBERS


def _plain(text: str) -> str:
    """Bring a text into the spelling that is looked for: no capitals, accents, full widths, or invisible signs."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(DASHES)
    gone = ("Mn", "Cf", "Cc")
    kept = (sign for sign in text.casefold() if sign.isspace() or unicodedata.category(sign) not in gone)
    return " ".join("".join(kept).split())
