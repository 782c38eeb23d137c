"""Below the entry points one module reads settings, one which cell this is, and one chooses gateways by them."""

import ast

from devtools.processes import REPOSITORY

ENTRY_POINTS = ("api/", "office/", "management/", "diagnostics/")


def reads_settings(source: str) -> bool:
    """Whether a module imports Django's settings."""
    return any(
        (isinstance(node, ast.ImportFrom) and node.module == "django.conf") or "django.conf" in _imported(node)
        for node in ast.walk(ast.parse(source))
    )


def _imported(node: ast.AST) -> list[str]:
    return [name.name for name in node.names] if isinstance(node, ast.Import) else []


def test_services_queries_models_and_gateways_are_told_by_conf():
    readers = {
        str(file.relative_to(REPOSITORY / "bookings"))
        for file in (REPOSITORY / "bookings").rglob("*.py")
        if reads_settings(file.read_text())
    }

    assert {reader for reader in readers if not reader.startswith(ENTRY_POINTS)} == {
        "cells.py",
        "conf.py",
        "wiring.py",
    }


def test_the_search_finds_both_kinds_of_import():
    assert reads_settings("from django.conf import settings")
    assert reads_settings("import django.conf")
    assert not reads_settings("from bookings.conf import payment_window")
