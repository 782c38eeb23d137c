"""The page to try the API: an operation takes a few windows, and what is folded is opened by keyboard."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# Five windows of 800 pixels; with every refusal open it was fifteen.
TALLEST = 4_000


@pytest.fixture
def operation(page):
    page.goto("/api/v1/docs#/bookings/createBooking")
    found = page.locator("#operations-bookings-createBooking")
    # The first question waits until the document is made.
    found.get_by_role("button", name="flight_not_found").wait_for()
    return found


def test_an_operation_is_no_taller_than_a_few_windows(operation):
    assert operation.bounding_box()["height"] < TALLEST


def test_each_refusal_is_a_line_with_its_codes(operation):
    lines = operation.locator(".folded-response")

    assert [line.split("\t")[0] for line in lines.all_inner_texts()] == [
        *("400", "401", "403", "404", "406", "408", "409", "413"),
        *("414", "415", "422", "429", "431", "500", "502", "503"),
    ]
    assert "too_many_unpaid_bookings" in lines.nth(11).inner_text()


def test_a_refusal_is_opened_and_closed_by_keyboard(operation, page):
    line = operation.get_by_role("button", name="flight_not_found")
    example = operation.get_by_text("There is no such flight.").first

    line.focus()
    page.keyboard.press("Enter")
    expect(example).to_be_visible()
    expect(line).to_be_focused()
    page.keyboard.press("Enter")

    expect(example).to_be_hidden()


def test_no_schema_is_open_before_it_is_asked_for(operation, page):
    assert page.locator("section.models.is-open").count() == 0
