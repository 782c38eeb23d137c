"""Addresses of mail, in one strict form: no blanks, no quotes, nothing that a server reads in another way."""

import re

import idna

# RFC 5321. That a part before the @ has at most 64 characters is left to its server.
LONGEST = 254

LOCAL_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = re.compile(rf"{LOCAL_PART}@{DOMAIN}")
# As clients may write it, for those who check what they send.
PATTERN = f"^{LOCAL_PART}@{DOMAIN}$".replace("[a-z", "[A-Za-z")


def is_normal(text: str) -> bool:
    """Tell whether a text is an address in that form."""
    return len(text) <= LONGEST and ADDRESS.fullmatch(text) is not None


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
