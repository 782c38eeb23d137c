"""Which addresses mail is sent to, and how they are written."""

import re

import pytest

from bookings.text.mail_addresses import LONGEST, PATTERN, is_normal, normal

TAKEN = {
    "ada@example.org": "ada@example.org",
    "Ada.Lovelace+trip@EXAMPLE.org": "Ada.Lovelace+trip@example.org",
    "o'neil!#$%&*/=?^_`{|}~-@a-b.example.org": "o'neil!#$%&*/=?^_`{|}~-@a-b.example.org",
    "ada@bücher.example": "ada@xn--bcher-kva.example",
    "a" * 242 + "@example.org": "a" * 242 + "@example.org",
}
REFUSED = (
    *("", "ada", "@example.org", "ada@", "ada@localhost", "ada@[127.0.0.1]", "ada@127.0.0.1", "a@b@example.org"),
    *("ada @example.org", "ada@example.org\n", "ada@exam\r\nple.org", "<ada@example.org>", '"a b"@example.org'),
    *("a..b@example.org", ".a@example.org", "a.@example.org", "äda@example.org"),
    *("a@-b.example.org", "a@b-.example.org", "a@" + "b" * 64 + ".org", "a" * 243 + "@example.org"),
    *("a@" + "b." * 130 + "org", "a@b.ü..org", "ada@example.org,b@example.org", "ada@example.123"),
)


def test_an_address_has_one_form():
    assert {text: normal(text) for text in TAKEN} == TAKEN
    assert all(is_normal(address) for address in TAKEN.values())
    assert all(re.search(PATTERN, text) for text in TAKEN if text.isascii())


def test_what_is_read_in_two_ways_is_refused():
    for text in REFUSED:
        with pytest.raises(ValueError, match="not"):
            normal(text)
        assert not is_normal(text)
        assert len(text) > LONGEST or not re.search(PATTERN, text.replace("\n", "\r"))
