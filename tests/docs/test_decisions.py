"""Each decision stands in the index with its title, its plain subtitle and its status."""

import re

from tests.docs.pages import REPOSITORY, tables

FOLDER = REPOSITORY / "docs/decisions"


def decisions():
    """The decisions as the index must show them: (file, title, subtitle)."""
    for path in sorted(FOLDER.glob("0*.md")):
        title, _, subtitle = path.read_text().split("\n")[:3]
        yield path.name, title.removeprefix("# "), subtitle.strip("*")


def test_the_index_shows_each_decision():
    (rows,) = tables((FOLDER / "README.md").read_text())
    shown = [(*re.fullmatch(r"\[\d{4}\]\((.+?)\) (.+)", title).groups(), subtitle) for title, subtitle, _ in rows[1:]]

    assert shown == list(decisions())


def test_each_decision_has_a_status():
    (rows,) = tables((FOLDER / "README.md").read_text())

    assert [row for row in rows[1:] if not re.match(r"in force|replaced by \[\d{4}\]", row[2])] == []
