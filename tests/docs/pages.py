"""The project's pages of Markdown, as the tests of this folder read them."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
    if path.name != "CHANGELOG.md"
)  # fmt: skip

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def named(path):
    return str(path.relative_to(REPOSITORY))


def page(name):
    return (REPOSITORY / name).read_text()


def links(text):
    """Where a page's links and pictures lead, without those in blocks of code."""
    return [one or two for one, two in LINK.findall(FENCE.sub("", text))]


def anchors(text):
    """The anchors of a page's headings, as GitHub and GitLab make them."""
    made = []
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        again = sum(1 for each in made if each == anchor or re.fullmatch(rf"{re.escape(anchor)}-\d+", each))
        made.append(f"{anchor}-{again}" if again else anchor)
    return set(made)


def tables(text):
    """The tables of a page: each a list of rows, each a list of cells, without the line under the head."""
    made, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                rows.append(cells)
        elif rows:
            made.append(rows)
            rows = []
    return made


def code(text):
    """What stands in a page as code: spans in backticks, and the lines of its blocks."""
    blocks = FENCE.findall(text)
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return [*spans, *(line for block in blocks for line in block.splitlines()[1:-1])]
