"""Each version has its day in the changelog, a way to the next in operations.md, and the last is that of the code."""

import itertools
import re
from datetime import date

from django.conf import settings

from tests.docs.pages import REPOSITORY, page

UNRELEASED = "Unreleased"
VERSION = r"\d+\.\d+\.\d+"


def headings():
    """The versions of the changelog, the oldest first, each with what stands behind it."""
    found = re.findall(r"^## (\S+)(.*)$", page("CHANGELOG.md"), re.MULTILINE)
    return found[::-1]


def versions():
    return [name for name, _rest in headings()]


def test_every_version_has_its_day_and_what_comes_next_has_none():
    *released, (last, rest) = headings()

    assert (last, rest) == (UNRELEASED, "")
    days = [date.fromisoformat(re.fullmatch(r" - (\d{4}-\d{2}-\d{2})", rest).group(1)) for _name, rest in released]
    assert len(days) > 1
    assert days == sorted(days)


def test_versions_grow():
    numbers = [tuple(map(int, name.split("."))) for name in versions() if name != UNRELEASED]

    assert all(re.fullmatch(VERSION, name) for name in versions() if name != UNRELEASED)
    assert numbers == sorted(set(numbers))


def test_the_newest_version_is_that_of_the_code():
    assert versions()[-2] == settings.VERSION


def test_there_is_a_way_from_each_version_to_the_next():
    ways = re.findall(r"^#### From (\S+) to (\S+)$", page("docs/operations.md"), re.MULTILINE)

    assert ways == list(itertools.pairwise(versions()))


def test_the_example_for_kubernetes_runs_the_newest_version():
    texts = [path.read_text() for path in (REPOSITORY / "deploy" / "kubernetes").glob("*.yaml")]
    images = re.findall(r"^ *image: (\S+)$", "\n".join(texts), re.MULTILINE)

    assert {image.rpartition(":")[2] for image in images} == {settings.VERSION}
