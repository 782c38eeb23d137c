"""What tests of payments at another system say again and again."""

from typing import Any

from bookings.models import Payment
from tests.support.api import BOOKINGS, Api, shown

TOKEN = "ctoken_1"


def the_payment() -> Payment:
    """The newest one."""
    return Payment.objects.latest("pk")


def step() -> str:
    return the_payment().step


def read(api: Api, booking: dict[str, Any]) -> dict[str, Any]:
    """The booking as the API shows it now."""
    return shown(api.get(f"{BOOKINGS}/{booking['id']}"))
