"""The commands that a page names are there: targets of make, commands of manage.py, modules of Python."""

import re
from importlib.util import find_spec

import pytest
from django.core.management import get_commands

from tests.docs.pages import PAGES, code, named, page

LIVING = [page for page in PAGES if "decisions" not in page.parts]
TARGET = re.compile(r"(?:^|[;&|(] *|\w=\S+ )make ([a-z][a-z-]*)\b(?!=)")
COMMAND = re.compile(r"\bmanage\.py ([a-z]\w+)")
MODULE = re.compile(r"\bpython3? -m ([a-z][\w.]*)")


def named_in(text, pattern):
    return {name.strip(".") for span in code(text) for name in pattern.findall(span)}


def runs(module):
    """Whether `python -m` finds something to run."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return False
    return spec is not None and (spec.submodule_search_locations is None or find_spec(f"{module}.__main__") is not None)


@pytest.mark.parametrize("path", LIVING, ids=named)
def test_targets_of_make_are_there(path):
    targets = set(re.findall(r"^([a-z-]+):.*##", page("Makefile"), re.MULTILINE))

    assert named_in(path.read_text(), TARGET) - targets == set()


@pytest.mark.parametrize("path", LIVING, ids=named)
def test_commands_of_manage_py_are_there(path):
    assert named_in(path.read_text(), COMMAND) - get_commands().keys() == set()


@pytest.mark.parametrize("path", LIVING, ids=named)
def test_modules_that_are_run_are_there(path):
    assert [module for module in named_in(path.read_text(), MODULE) if not runs(module)] == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(TARGET, "`make nothing-such`"), (TARGET, "```\nAPI_AUTH=token make nothing-such\n```"),
     (COMMAND, "`.venv/bin/python manage.py nothing_such --x`"), (MODULE, "`python -m nothing.such`")],
)  # fmt: skip
def test_the_search_finds(pattern, text):
    assert len(named_in(text, pattern)) == 1


@pytest.mark.parametrize("module", ["nothing.such", "tests", "bookings.services"])
def test_a_module_that_is_not_there_or_has_nothing_to_run_is_found_out(module):
    assert not runs(module)
