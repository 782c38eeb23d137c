"""The whole service as real processes on the test's database, and the people who work with it."""

import base64
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from playwright.sync_api import Page

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.payments.instant import InstantPayments
from tests.support.people import make_groups
from tests.support.processes import FlightSim, start_flightsim
from tests.support.servers import Web, Worker, database_url, environment, start_web, start_worker
from tests.support.webhooks import SEAL_KEY

PASSWORD = "correct horse"

# Where the links to customers lead.
CUSTOMERS = "https://crm.example.org/customers"

_numbers = itertools.count(1)


@dataclass
class Office:
    """What runs: web server and stand-in Flight Service always, the worker on demand."""

    sim: FlightSim
    web: Web
    env: dict[str, str]
    flights: HttpFlightService
    payments: InstantPayments = field(default_factory=InstantPayments)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    def sign_in(self, page: Page, group: str | None = "Support", *rights: str) -> User:
        """
        Make a member of this group, or of none, with these rights besides, and log it in.

        By its cookie: the form has tests of its own.
        """
        user = a_member(group, *rights)
        client = Client()
        client.force_login(user)
        name = settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.url}])
        return user

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """
        Run the background work for the length of the block, with a pass every second.

        It ends before the test does, so never meets the emptying of the tables.
        """
        with start_worker(env=self.env) as running:
            yield running

    @contextmanager
    def flights_down(self) -> Iterator[None]:
        """Have no Flight Service for the length of the block; it comes back with all that it knew."""
        self.sim.kill()
        try:
            yield
        finally:
            self.sim.start()


@contextmanager
def start_office() -> Iterator[Office]:
    """Run web server and Flight Service on the configured database, which is migrated."""
    with start_flightsim("--currency", "INR") as sim:
        env = environment(
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            FLIGHT_SERVICE_SEAT_NUMBERS="true",
            EXPIRY_INTERVAL_SECONDS="1",
            API_AUTH="open",
            CUSTOMER_URL_TEMPLATE=f"{CUSTOMERS}/{{id}}",
            SEAL_KEYS=base64.b64encode(SEAL_KEY).decode(),
            # No server: what is to be sent waits.
            EMAIL_URL="smtp+plain://127.0.0.1:9",
            MAIL_FROM="bookings@example.org",
        )
        with start_web(env=env) as web:
            yield Office(sim, web, env, HttpFlightService(sim.url))


def open_anew(office: Office) -> None:
    """Give an emptied database the rows that migrations make, and the Flight Service all its seats."""
    import_module("bookings.migrations.0003_schedules").add_schedules(apps, None)
    make_groups()
    office.sim.faults()
    office.sim.reset()


def a_member(group: str | None, *rights: str) -> User:
    """Make somebody of the staff, in this group or in none, whose password is PASSWORD; rights are codenames."""
    # As the web server reads it, which is not told of the tests' quick hasher; one round is quick as well.
    password = PBKDF2PasswordHasher().encode(PASSWORD, salt="of the browser tests", iterations=1)
    user = User.objects.create(username=f"anna{next(_numbers)}", password=password, is_staff=True)
    if group:
        user.groups.add(Group.objects.get(name=group))
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return user
