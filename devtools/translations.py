"""
Makes of each list of translations what Python reads: python -m devtools.translations.

The usual program for that, msgfmt, is one more package of the system. These lists have no plurals and no contexts.
"""

import ast
import struct
from pathlib import Path

from devtools.processes import REPOSITORY

MAGIC, HEADER = 0x950412DE, 28


def lists() -> list[Path]:
    """Give the lists of translations that there are."""
    return sorted((REPOSITORY / "bookings/locale").glob("*/LC_MESSAGES/django.po"))


def read(text: str) -> dict[str, str]:
    """Read a list: what is written in the code, and what stands for it."""
    found: dict[str, str] = {}
    words: dict[str, str] = {}
    kind = ""
    for line in [*text.splitlines(), "msgid"]:
        word, _, rest = line.partition(" ")
        if word == "msgid" and kind:
            found[words["msgid"]] = words["msgstr"]
        if word in ("msgid", "msgstr"):
            kind, words[word] = word, ast.literal_eval(rest) if rest else ""
        elif line.startswith('"'):
            words[kind] += ast.literal_eval(line)
    return found


def compiled(translations: dict[str, str]) -> bytes:
    """Write translations in the form of GNU gettext: two tables of lengths and places, and the texts."""
    pairs = sorted((key.encode(), value.encode()) for key, value in translations.items() if value)
    place = HEADER + 16 * len(pairs)
    tables: list[bytes] = []
    texts = b""
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[column]), place + len(texts)))
            texts += pair[column] + b"\0"
    head = struct.pack("<7I", MAGIC, 0, len(pairs), HEADER, HEADER + 8 * len(pairs), 0, HEADER)
    return head + b"".join(tables) + texts


def main() -> None:
    """Write each list's compiled form beside it."""
    for path in lists():
        path.with_suffix(".mo").write_bytes(compiled(read(path.read_text())))
        print(path.with_suffix(".mo").relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
