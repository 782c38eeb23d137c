"""Log-ins with a second factor, as a browser makes them, and what is on record of them."""

import re

from django.test import Client

from bookings.models import LogInEvent
from tests.support.log_in import LOGIN, RIGHT

SHOW, ADD, CODES, OWN = (
    f"/admin/{page}/" for page in ("second-factor", "second-factor/add", "second-factor/codes", "log-in")
)
KEY = "3132333435363738393031323334353637383930"


def password_shown(onward="/admin/bookings/booking/", *, client=None, address="192.0.2.1"):
    """A browser in which Anna's password was typed, and what it was answered."""
    client = client or Client(REMOTE_ADDR=address)
    return client, client.post(f"{LOGIN}?next={onward}", {"username": "anna", "password": RIGHT, "next": onward})


def code_shown(client, code):
    return client.post(SHOW, {"token": code})


def is_inside(client):
    return client.get("/admin/bookings/booking/").status_code == 200


def happened(user):
    return list(LogInEvent.objects.filter(user=user).order_by("pk").values_list("what", "proof"))


def codes_on(page):
    return re.findall(r"(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}", page.content.decode())
