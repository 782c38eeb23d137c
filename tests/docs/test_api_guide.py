"""The guide for clients names every error that they can get, with its status, and no other."""

import pytest

from bookings.answers.rendering import CODES, STATUS
from bookings.errors import OfficeError
from tests.docs.pages import page, tables

GUIDE = "docs/api.md"


def errors_of_the_guide():
    """The table of errors: {(code, status, is worth repeating)}."""
    (table,) = (rows for rows in tables(page(GUIDE)) if rows[0][0] == "code")
    return {(code.strip("`"), int(status), repeat == "yes") for code, status, repeat, _ in table[1:]}


def errors_of_the_document(document):
    """The errors that the OpenAPI document has as examples."""
    own = [
        response
        for operations in document["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
    ]
    return {
        (shown["code"], shown["statusCode"], shown["retryable"])
        for response in (*own, *document["components"]["responses"].values())
        for content in response.get("content", {}).values()
        for example in content["examples"].values()
        if (shown := example["value"]["error"])
    }


@pytest.mark.django_db
def test_the_guide_has_the_errors_of_the_document_and_of_the_framework(api):
    document = api.get("/api/v1/openapi.json").json()
    described = errors_of_the_document(document)
    codes = {code for code, _, _ in described}

    before_a_booking = {(code, status, False) for status, code in CODES.items() if code not in codes}

    assert errors_of_the_guide() == described | before_a_booking


def test_the_guide_has_every_error_of_ours_that_is_not_for_staff_alone():
    ours = {
        (error.code, int(status), error.retryable)
        for error, status in STATUS.items()
        if not issubclass(error, OfficeError)
    }  # fmt: skip

    assert ours - errors_of_the_guide() == set()
