"""The settings that the code reads, the tables of operations.md and .env.example name the same."""

import ast
import re

import pytest

from tests.docs.pages import REPOSITORY, page, tables

NAME = re.compile(r"[A-Z][A-Z0-9_]{3,}")
# What a call of these modules names in capitals and is no setting: keys of a database's dictionary.
OF_DJANGO = {"ENGINE", "HOST", "NAME", "OPTIONS"}
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


def names_set_in(text):
    """The settings that a text in the form of .env sets, commented out or not."""
    return set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))


def parts_of_the_example():
    """The text of each part of .env.example, by its title."""
    _head, *rest = re.split(r"^# --- (\w+) -+$", page(".env.example"), flags=re.MULTILINE)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def of_operations():
    """The settings that the tables of operations.md name, by the heading above each."""
    section = page("docs/operations.md").partition("\n## Settings\n")[2].partition("\n## ")[0]
    _head, *rest = re.split(r"^### (\w+)$", section, flags=re.MULTILINE)
    return {
        title: {name for row in tables(text)[0][1:] for name in re.findall(r"`([A-Z_]+)`", row[0])}
        for title, text in zip(rest[::2], rest[1::2], strict=True)
    }


@pytest.fixture(scope="module")
def settings_of_the_code():
    modules = [REPOSITORY / "bookingsite/settings.py", *(REPOSITORY / "bookingsite/config").glob("*.py")]
    return set().union(*(read_in(path.read_text()) for path in modules))


def test_the_tables_of_operations_name_each_setting(settings_of_the_code):
    assert set().union(*of_operations().values()) == settings_of_the_code


def test_the_example_and_the_tables_have_the_same_three_parts(settings_of_the_code):
    example = {part: names_set_in(text) & settings_of_the_code for part, text in parts_of_the_example().items()}
    tables_of_parts = {part: names - NOT_IN_ENV for part, names in of_operations().items()}

    assert list(example) == ["Required", "Security", "Tuning"]
    assert example == tables_of_parts


def test_what_has_no_default_is_required(settings_of_the_code):
    needed = set(re.findall(r'required_unless\(development, "([A-Z_]+)"', page("bookingsite/config/env.py")))

    assert len(needed) > 1
    assert needed - names_set_in(parts_of_the_example()["Required"]) == set()


def test_the_example_names_each_setting(settings_of_the_code):
    named = names_set_in(page(".env.example"))

    assert settings_of_the_code - NOT_IN_ENV - named == set()


def test_the_example_names_no_setting_that_is_not_read(settings_of_the_code):
    named = names_set_in(page(".env.example"))
    of_compose = set(re.findall(r"\$\{(\w+)", page("compose.yaml")))

    assert named - settings_of_the_code - of_compose == set()


@pytest.mark.parametrize(
    "source", ["env.str('A_NAME', default='')", "whole_number('A_NAME', low=0)", "required_unless(True, 'A_NAME', 1)"]
)
def test_the_search_finds(source):
    assert read_in(source) == {"A_NAME"}
