"""
What a spreadsheet does to text that it opens: which cells it turns into something else without asking.

The rules of Excel, LibreOffice and Google Sheets taken together, and in more languages than one: what any of them
converts counts as converted. A cell that another of them would have left alone is none the better for it.
"""

import re

NUMBER = r"[+-]?(\d+[.,]?\d*|[.,]\d+)"
EXPONENT = r"[ED][+-]?\d+"

# Of English, German, French, Spanish, Polish and the languages of the north; whole or cut after three letters.
MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER"),
    *("DECEMBER", "JANUAR", "FEBRUAR", "MARZ", "MRZ", "MAI", "JUNI", "JULI", "OKTOBER", "DEZEMBER", "JANVIER"),
    *("FEVR", "AVRIL", "JUIN", "JUIL", "AOUT", "DECEMBRE", "ENERO", "ABRIL", "AGOSTO", "DICIEMBRE", "STY", "LUT"),
    *("KWI", "MAJ", "CZE", "LIP", "SIE", "WRZ", "PAZ", "LIS", "GRU", "DES", "DEC"),
)
MONTH = "(" + "|".join(sorted({*MONTHS, *(month[:3] for month in MONTHS)}, key=len, reverse=True)) + ")"
CURRENCY = "(R|KR|DM|FT|KC|ZL|LEI|RM|RP|CHF|SFR|USD|EUR|GBP|SEK|NOK|DKK|CZK|PLN|JPY|BRL|CAD|TL|HK|NT|BS|GS|C)"

CONVERTED = {
    "a number": NUMBER,
    "a number with an exponent": rf"{NUMBER}{EXPONENT}",
    "a percentage": rf"{NUMBER}%",
    "money": rf"{CURRENCY}{NUMBER}|{NUMBER}{CURRENCY}",
    "a date": rf"\d{{1,4}}{MONTH}(\d{{1,4}})?|{MONTH}\d{{1,6}}",
    "a date of digits": r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?",
    "a time": r"\d{1,2}(:\d\d){0,2}[AP]M?|\d{1,2}(:\d\d){1,2}",
    "a truth value": "TRUE|FALSE|WAHR|FALSCH|VRAI|FAUX|YES|NO",
    "a number that is none": "[+-]?(INF|INFINITY|NAN)",
    "a formula": r"[=+@-].*",
}


def converted_to(text: str) -> str:
    """What a spreadsheet makes of a cell; empty if it stays text."""
    cell = text.strip().upper()
    return next((what for what, pattern in CONVERTED.items() if re.fullmatch(pattern, cell)), "")
