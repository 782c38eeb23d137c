"""A link of a page leads to a file that is there, and to a heading that it has."""

import re

import pytest

from tests.docs.pages import PAGES, REPOSITORY, anchors, code, links, named

FILE = re.compile(
    r"(?<![\w/.-])(?:bookings|bookingsite|flightsim|paysim|devtools|deploy|tests|docs|templates)/[\w./*@-]*[\w*]"
)


def broken(page, text):
    """The links of a page that lead nowhere."""
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text() if name else text)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    assert list(broken(page, page.read_text())) == []


@pytest.mark.parametrize("page", [page for page in PAGES if "decisions" not in page.parts], ids=named)
def test_files_that_a_page_names_are_there(page):
    names = {name for span in code(page.read_text()) for name in FILE.findall(span)}

    assert sorted(name for name in names if not any(REPOSITORY.glob(name))) == []


@pytest.mark.parametrize(
    "link", ["[x](nowhere.md)", "[x](README.md#no-such-heading)", "[x](#none)", '<img src="a.svg">']
)
def test_the_search_finds_a_link_that_leads_nowhere(link):
    assert list(broken(REPOSITORY / "CONTRIBUTING.md", f"# One\n{link}")) != []


def test_anchors_are_made_of_headings():
    text = "# A `b`: c, d\n```\n# no heading\n```\n## Twice\n## Twice\n"

    assert anchors(text) == {"a-b-c-d", "twice", "twice-1"}
