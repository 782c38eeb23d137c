"""Addresses of mail, in one strict form: no blanks, no quotes, nothing that a server reads in another way."""

import re

import idna

# RFC 5321.
LONGEST, LONGEST_LOCAL_PART = 254, 64

LOCAL_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = re.compile(rf"({LOCAL_PART})@({DOMAIN})")


def is_normal(text: str) -> bool:
    """Tell whether a text is an address in that form."""
    found = ADDRESS.fullmatch(text)
    return found is not None and len(found[1]) <= LONGEST_LOCAL_PART and len(text) <= LONGEST


def normal(text: str) -> str:
    """
    Write an address in that form: a domain with other letters as name servers know it.

    What stands before the @ is left as it is: whether large and small letters are the same there only its server knows.

    :raises ValueError: if it is none, or one that not each server takes
    """
    local_part, _, domain = text.rpartition("@")
    if domain.isascii():
        written = f"{local_part}@{domain.lower()}"
    else:
        try:
            written = f"{local_part}@{idna.encode(domain, uts46=True).decode()}"
        except idna.IDNAError:
            raise ValueError("not the domain of an address") from None
    if not is_normal(written):
        raise ValueError("not an address")
    return written
