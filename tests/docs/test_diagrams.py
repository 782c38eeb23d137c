"""The drawings show what the code has: each state, and transactions of these names."""

import re
import xml.etree.ElementTree as ET

import pytest

from bookings.lifecycle import BookingStatus
from bookings.models.payments import PaymentState, PaymentStep
from tests.docs.pages import REPOSITORY, named

DRAWINGS = sorted((REPOSITORY / "docs/diagrams").glob("*.svg"))


def texts(name, style):
    """The texts of a drawing that have a style."""
    tree = ET.parse(REPOSITORY / "docs/diagrams" / name)
    return [
        element.text
        for element in tree.iter("{http://www.w3.org/2000/svg}text")
        if style in element.get("class", "").split()
    ]  # fmt: skip


def test_each_state_of_bookings_and_payments_is_drawn():
    assert sorted(texts("states.svg", "state")) == sorted([*BookingStatus.values, *PaymentState.values])
    assert sorted(texts("states.svg", "step")) == sorted(PaymentStep.values)
    assert set(texts("states.svg", "end-of-steps")) <= set(PaymentState.values)


def test_the_transactions_of_a_create_have_the_names_of_the_code():
    sources = "\n".join(path.read_text() for path in (REPOSITORY / "bookings").rglob("*.py"))
    drawn = {text for text in texts("create.svg", "code") if re.fullmatch(r"[a-z]+\.[a-z_]+", text)}

    assert drawn == {"booking.create", "seats.reserved", "reservation.claim"}
    assert {name for name in drawn if f'@in_transaction("{name}")' not in sources} == set()


@pytest.mark.parametrize("path", DRAWINGS, ids=named)
def test_each_drawing_says_what_it_shows_and_has_colors_for_dark_pages(path):
    source = path.read_text()

    assert "<title" in source
    assert "<desc" in source
    assert "prefers-color-scheme: dark" in source
