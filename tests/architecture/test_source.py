"""Rules about the source itself that no ordinary tool knows."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("benchmarks", "bookings", "bookingsite", "devtools", "flightsim", "paysim")

LONGEST_FUNCTION = 60
LONGEST_MODULE = 400

# What a booking's state consists of; one module writes it.
STATE = {"status", "hold"}
WRITER = "bookings/services/shared/transitions.py"


def modules(*packages):
    for package in packages:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(REPOSITORY), path.read_text()


def assigned_attributes(node):
    """The names that are set on objects by an assignment, tuples included."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    flat = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return {part.attr for part in flat if isinstance(part, ast.Attribute)}


def written_columns(call):
    """The columns that a call writes, if it is update(...), setattr(...) or save(update_fields=[...])."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("update", "update_or_create", "bulk_update"):
        return {word.arg for word in call.keywords} | strings(call)
    if name == "setattr":
        return strings(call)
    if name == "save":
        return strings(call)
    return set()


def strings(node):
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def writes_of_state(source):
    """The lines of a module that may write a booking's status or hold."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            written = assigned_attributes(node)
        elif isinstance(node, ast.Call):
            written = written_columns(node)
        else:
            continue
        if written & STATE:
            lines.append(node.lineno)
    return lines


def test_one_module_writes_the_state_of_a_booking():
    found = {str(path): lines for path, source in modules("bookings") if (lines := writes_of_state(source))}

    assert list(found) == [WRITER]


@pytest.mark.parametrize(
    "source",
    [
        "booking.status = 'booked'",
        "booking.status, booking.hold = 'booked', 'held'",
        "Booking.objects.filter(pk=1).update(hold='held')",
        "Booking.objects.filter(pk=1).update(**{'status': 'booked'})",
        "setattr(booking, 'status', 'booked')",
        "booking.save(update_fields=['hold'])",
    ],
)
def test_the_search_for_writers_finds_every_way_of_writing(source):
    assert writes_of_state(source) == [1]


@pytest.mark.parametrize(
    "source",
    ["booking.status == 'booked'", "Booking.objects.filter(status='booked')", "payment.state = 'failed'"],
)
def test_the_search_for_writers_leaves_readers_alone(source):
    assert writes_of_state(source) == []


def test_no_function_is_longer_than_a_screen():
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, source in modules(*PACKAGES)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert found == []


def test_no_module_is_longer_than_400_lines():
    found = [
        f"{path}: {source.count(chr(10))}"
        for path, source in [*modules(*PACKAGES), *modules("tests")]
        if source.count("\n") > LONGEST_MODULE
    ]

    assert found == []


def test_no_setting_is_a_fake_in_production_code():
    found = [str(path) for path, source in modules("bookings", "bookingsite") if "MOCK" in source]

    assert found == []
