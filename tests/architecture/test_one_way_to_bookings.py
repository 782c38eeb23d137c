"""The API reads through bookings.queries, where it is decided who may see what: it has no other way to rows."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

MANAGERS = {"objects", "_default_manager", "_base_manager"}


def uses_of_managers(source):
    """The lines of a module that reach for a model's manager, by attribute or by its name in a string."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr in MANAGERS)
        or (isinstance(node, ast.Constant) and node.value in MANAGERS)
    ]


def test_no_module_of_the_api_reads_rows_itself():
    modules = sorted((REPOSITORY / "bookings" / "api").rglob("*.py"))

    found = {path.name: lines for path in modules if (lines := uses_of_managers(path.read_text()))}

    assert len(modules) > 5
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "Booking.objects.filter(pk=1)",
        "rows = Booking.objects",
        "models.Booking._default_manager.all()",
        "type(booking)._base_manager.get(pk=1)",
        "getattr(Booking, 'objects')",
    ],
)
def test_the_search_finds_every_way_to_a_manager(source):
    assert uses_of_managers(source) == [1]


@pytest.mark.parametrize("source", ["queries.get_booking(1, actor=actor)", "objects = 1", "'many objects'"])
def test_the_search_leaves_the_rest_alone(source):
    assert uses_of_managers(source) == []
