"""Below the entry points nothing knows HTTP: no status, header, address of the API or query string."""

import ast
import re
from http import HTTPStatus
from pathlib import Path

import pytest

BOOKINGS = Path(__file__).resolve().parents[2] / "bookings"

# Gateways speak HTTP to other systems, traces travel in headers; `answers/rendering` is what knows it for all others.
INSIDE = [
    *("services", "queries", "models", "db", "text", "ports"),
    *("actor.py", "answers/results.py", "cells.py", "conf.py", "deadline.py", "errors.py", "lifecycle.py", "wake.py"),
]

PACKAGES = {"http", "urllib", "django.http", "django.urls", "rest_framework", "requests"}
HEADERS = {
    *("authorization", "content-type", "idempotency-key", "idempotent-replayed", "location", "prefer"),
    *("preference-applied", "respond-async", "retry-after", "www-authenticate", "x-idempotency-key", "x-request-id"),
}
QUERY = re.compile(r"\?\w+=")
OF_REQUESTS = {"GET", "POST", "META", "headers", "query_params", "status_code", "build_absolute_uri"}
STATUSES = {int(status) for status in HTTPStatus}


def documentation(tree):
    """The strings that are read by people: the explanation of an error is one, and may say what a client sends."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def is_package_of_http(name):
    return any(name == package or name.startswith(f"{package}.") for package in PACKAGES)


def names_http(node):
    """Tell whether this piece of a module names something of HTTP."""
    match node:
        case ast.Import(names=names):
            return any(is_package_of_http(alias.name) for alias in names)
        case ast.ImportFrom(module=module, names=names):
            return is_package_of_http(module or "") or any(alias.name == "HTTPStatus" for alias in names)
        case ast.Constant(value=str(text)):
            return "/api" in text or QUERY.search(text) is not None or text.lower() in HEADERS
        case ast.Attribute(attr=name):
            return name in OF_REQUESTS
        case ast.keyword(arg="status" | "status_code" | "code", value=ast.Constant(value=int(number))):
            return number in STATUSES
        case ast.Compare(left=left, comparators=others):
            numbers = {side.value for side in [left, *others] if isinstance(side, ast.Constant)}
            words = {side.attr for side in [left, *others] if isinstance(side, ast.Attribute)}
            return bool(words & {"status", "status_code"} and numbers & STATUSES)
        case ast.Call(func=ast.Name(id="Response")):
            return True
    return False


def lines_that_name_http(source):
    tree = ast.parse(source)
    spared = set(map(id, documentation(tree)))
    return sorted({node.lineno for node in ast.walk(tree) if id(node) not in spared and names_http(node)})


def modules():
    for name in INSIDE:
        path = BOOKINGS / name
        assert path.exists(), name
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_nothing_below_the_entry_points_names_http():
    read = list(modules())

    found = {
        str(path.relative_to(BOOKINGS)): lines for path in read if (lines := lines_that_name_http(path.read_text()))
    }

    assert len(read) > 80
    assert found == {}


def test_no_package_of_bookings_is_forgotten():
    outside = {"admin.py", "answers", "api", "apps.py", "diagnostics", "gateways", "locale", "management"}
    outside |= {
        "migrations",
        "observability",
        "office",
        "static",
        "tasks.py",
        "wiring.py",
        "__init__.py",
        "__pycache__",
    }

    assert {path.name for path in BOOKINGS.iterdir()} - outside == {name.split("/")[0] for name in INSIDE} - {"answers"}


@pytest.mark.parametrize(
    "source",
    [
        "from http import HTTPStatus",
        "import http",
        "from django.http import HttpResponse",
        "from urllib.parse import urlencode",
        "from rest_framework.response import Response",
        "return_value = Response(200, '{}')",
        "answer(status=409)",
        "if record.status_code == 202: pass",
        "if answer.status == 202: pass",
        "where = f'/api/v1/bookings/{pk}'",
        "headers = {'Retry-After': '5'}",
        "headers['location'] = where",
        "flight = request.GET['flight']",
        "address = f'?flight={flight}'",
    ],
)
def test_the_search_finds_every_way_of_naming_it(source):
    assert lines_that_name_http(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        '"""Sent again with its Idempotency-Key, it gets the answer of /api/v1/bookings."""',
        "class KeyMissing(Exception):\n    'Idempotency-Key'",
        "RETRY_AFTER_SECONDS = 5",
        "booking.status == 'cancelled'",
        "flights(page=100)",
        "rows[:200]",
    ],
)
def test_the_search_leaves_the_rest_alone(source):
    assert lines_that_name_http(source) == []
