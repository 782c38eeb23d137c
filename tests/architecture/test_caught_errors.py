"""
An error of the database that is caught inside a transaction leaves the transaction all the same.

Statements may wait for one that fails, and are forgotten with it: what would be committed then is a half. Errors of
statements that waited come out where they travelled, too, which is not where they were written.
"""

import ast
from pathlib import Path

import pytest

ERRORS = {
    "Error",
    "DatabaseError",
    "DataError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "OperationalError",
}
SOURCES = sorted(Path("bookings/services").rglob("*.py"))


def runs_inside(function: ast.FunctionDef, path: Path) -> bool:
    """Whether a function is a transaction, or one of those that all assume an open one."""
    decorators = {ast.unparse(each).partition("(")[0] for each in function.decorator_list}
    return "in_transaction" in decorators or (path.parent.name == "shared" and path.name != "best_effort.py")


def swallowed(source: str, path: Path) -> list[str]:
    """Name the handlers of errors of the database, inside transactions, that do not end by raising."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    handlers = [
        (function, node)
        for function in functions
        if runs_inside(function, path)
        for node in ast.walk(function)
        if isinstance(node, ast.ExceptHandler)
    ]
    return [
        f"{path}: {function.name}"
        for function, handler in handlers
        if handler.type is None or ERRORS & {getattr(each, "id", "") for each in ast.walk(handler.type)}
        if not isinstance(handler.body[-1], ast.Raise)
    ]


def test_no_transaction_goes_on_after_an_error_of_the_database():
    assert [each for path in SOURCES for each in swallowed(path.read_text(), path)] == []


@pytest.mark.parametrize(("last", "found"), [("pass", 1), ("raise KeyTaken from error", 0)], ids=["goes on", "leaves"])
def test_one_that_goes_on_would_be_seen(last, found):
    source = f"""
@in_transaction("booking.create")
def write():
    try:
        insert(record)
    except IntegrityError as error:
        {last}
"""

    assert len(swallowed(source, Path("bookings/services/bookings/create.py"))) == found
