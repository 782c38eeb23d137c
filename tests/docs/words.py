"""
Words that the project's texts do not use: python -m tests.docs.words lists where they stand.

Plain English for readers whose first language is another one: *worker, client, operator, support staff* say who,
one word names one thing, and the spelling is American.
"""

import re
import subprocess
import sys

from tests.docs.pages import REPOSITORY

# What a person reads. The decisions are history, and the changelog speaks of what was.
READ = (
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "bookings", "bookingsite", "templates", "flightsim",
    "paysim", "devtools", "deploy", ".env.example", "compose.yaml", "Dockerfile", "Makefile",
)  # fmt: skip
HISTORY = "docs/decisions/0"

# Each word, and what to write in its place.
UNUSED = {
    r"nobody|somebody|someone|everybody|whoever|whomever": "worker, client, operator, support staff",
    r"anew": "again",
    r"mend(?:s|ed|ing)?": "repair, fix",
    r"for ever": "forever, or the time",
    r"(?:leave|leaves|leaving|left) (?:it |them )?away": "leave out, omit",
    r"(?:dis)?honour\w*": "honor",
    r"colour\w*": "color",
    r"\w+ognis(?:e|es|ed|ing|able)": "recognize",
    r"behaviour\w*": "behavior",
    r"neighbour\w*": "neighbor",
    r"sweep(?:s|ing)?|swept": "pass",
    # Not in the address of a page.
    r"(?<!-)give-backs?": "release",
    r"checkups?": "diagnostics",
    r"load_demo": "the demo",
    r"[Tt](?:[1-9]|10|11)": "the name of the transaction",
}
PATTERN = re.compile(rf"\b(?:{'|'.join(f'(?:{word})' for word in UNUSED)})\b", re.IGNORECASE)


def files():
    """The text files that are read, as git knows them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *READ]
    names = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split("\n")
    return [
        name
        for name in names
        if name
        and not name.startswith(HISTORY)
        and not name.endswith((".png", ".txt", ".mo", ".po"))
        and (REPOSITORY / name).is_file()
    ]


def found(text):
    """The unused words of a text, as (line, word)."""
    return [
        (number, match[0]) for number, line in enumerate(text.splitlines(), start=1) for match in PATTERN.finditer(line)
    ]


def instead(word):
    """What to write in the place of a word."""
    return next(better for unused, better in UNUSED.items() if re.fullmatch(unused, word, re.IGNORECASE))


def left():
    """The files that still have such words: name -> [(line, word), …]."""
    each = {name: found((REPOSITORY / name).read_text()) for name in files()}
    return {name: words for name, words in each.items() if words}


def main():
    everything = left()
    for name, words in everything.items():
        for line, word in words:
            print(f"{name}:{line}: {word} (write: {instead(word)})")
    print(f"{sum(map(len, everything.values()))} in {len(everything)} files", file=sys.stderr)
    return bool(everything)


if __name__ == "__main__":
    sys.exit(main())
