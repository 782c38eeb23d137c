"""A log line has listed fields and no other; what is not listed would be dropped without a word."""

import ast

from bookingsite.logs import FIELDS, FRAME
from tests.architecture.test_source import modules

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def logged_fields(source):
    """The names that the log calls of a module give their fields."""
    return {
        word.arg
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        for word in node.keywords
    } - {"exc_info"}


def test_every_field_that_is_logged_is_listed_and_every_one_listed_is_logged():
    used = set().union(*(logged_fields(source) for _, source in modules("bookings", "bookingsite")))

    assert used == FIELDS


def test_fields_of_the_frame_are_nobodys_own():
    assert FRAME.isdisjoint(FIELDS)


def test_the_search_finds_the_fields_of_a_call():
    assert logged_fields("log.info('a.b', token=1, booking=2)") == {"token", "booking"}
