"""The settings that the code reads, the table of operations.md and .env.example name the same."""

import ast
import re

import pytest

from tests.docs.pages import REPOSITORY, page, tables

NAME = re.compile(r"[A-Z][A-Z0-9_]{4,}")
# What a call of these modules names in capitals and is no setting: keys of a database's dictionary.
OF_DJANGO = {"ENGINE", "OPTIONS"}
# Says where .env is, so it cannot stand there.
NOT_IN_ENV = {"ENV_FILE"}


def read_in(source):
    """The names of settings that a module reads: arguments of calls, in capitals."""
    return {
        part.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for part in node.args
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and NAME.fullmatch(part.value)
    } - OF_DJANGO


@pytest.fixture(scope="module")
def settings_of_the_code():
    modules = [REPOSITORY / "bookingsite/settings.py", *(REPOSITORY / "bookingsite/config").glob("*.py")]
    return set().union(*(read_in(path.read_text()) for path in modules))


def test_the_table_of_operations_names_each_setting(settings_of_the_code):
    (table,) = (rows for rows in tables(page("docs/operations.md")) if rows[0][0] == "setting")

    assert {name for row in table[1:] for name in re.findall(r"`([A-Z_]+)`", row[0])} == settings_of_the_code


def test_the_example_names_each_setting(settings_of_the_code):
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", page(".env.example"), re.MULTILINE))

    assert settings_of_the_code - NOT_IN_ENV - named == set()


def test_the_example_names_no_setting_that_is_not_read(settings_of_the_code):
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", page(".env.example"), re.MULTILINE))
    of_compose = set(re.findall(r"\$\{(\w+)", page("compose.yaml")))

    assert named - settings_of_the_code - of_compose == set()


@pytest.mark.parametrize(
    "source", ["env.str('A_NAME', default='')", "whole_number('A_NAME', low=0)", "required_unless(True, 'A_NAME', 1)"]
)
def test_the_search_finds(source):
    assert read_in(source) == {"A_NAME"}
