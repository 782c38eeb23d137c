"""
Makes the pictures of the back office and of payments that the papers show: `make screenshots`.

The service runs on a private MariaDB, with the demo's log-in and a few bookings of its own, made over the API. A
second web server of it takes payments by the stand-in for Stripe.
"""

import subprocess
import sys
import uuid
from typing import Any

from playwright.sync_api import Browser, Page, expect

from devtools import run_stripe
from devtools.mariadb import PrivateMariaDB
from devtools.processes import REPOSITORY
from tests.browser.chromium import start_chromium
from tests.support.paysim import PaySim, start_paysim
from tests.support.processes import start_flightsim
from tests.support.servers import Web, environment, start_web, start_worker

FOLDER = REPOSITORY / "docs" / "screenshots"
FLIGHTS = ("--flights", "50", "--capacity", "180", "--currency", "INR")
SIZE = {"width": 1280, "height": 800}
# Of the payer's pages, which are small.
SMALL = {"width": 640, "height": 560}
# Nothing tells the service that it was paid: it looks once a minute.
SOON_MILLISECONDS = 90_000

# A README is read over slow lines too.
LARGEST_BYTES = 200_000

# Flight, user and seats of each booking, and what becomes of it; the last one is pictured.
STORY = (
    *((12, 1004, 2, "cancelled"), (7, 1019, 1, "paid"), (7, 1002, 4, "held"), (31, 1043, 2, "paid")),
    *((18, 1007, 3, "cancelled"), (2, 1011, 1, "held"), (44, 1032, 5, "paid"), (7, 1025, 2, "paid")),
    (12, 1004, 2, "paid"),
)

# By number: flight, user, seats and what becomes of them; the page of the flight is pictured with the last one ringed.
BY_NUMBER = (
    *((5, 1008, "2A,2B", "paid"), (5, 1021, "4C", "held"), (5, 1033, "6D,6E,6F", "paid"), (5, 1040, "7A", "cancelled")),
    (5, 1052, "9C,9D", "paid"),
)

# What the client keeps with the last one.
KEPT = {"clientReference": "ORDER-2026-118842", "metadata": {"channel": "partner web shop", "campaign": "winter"}}


def main() -> int:
    """Make all pictures; what stood in their place is gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with PrivateMariaDB() as server, start_flightsim(*FLIGHTS) as sim, start_paysim() as paysim:
        numbers = {"FLIGHT_SERVICE_SEAT_NUMBERS": "true"}
        env = environment(DATABASE_URL=server.url, FLIGHT_SERVICE_URL=sim.url, EXPIRY_INTERVAL_SECONDS="1", **numbers)
        for command in (["manage.py", "migrate", "--verbosity", "0"], ["-m", "devtools.demo"]):
            subprocess.run([sys.executable, *command], cwd=REPOSITORY, env=env, check=True)
        by_stripe = {**env, **run_stripe.settings(paysim=paysim.url, web="http://127.0.0.1", currency="INR")}
        with (
            start_web(env=env) as web,
            start_web(env=by_stripe) as till,
            start_worker(env=by_stripe),
            start_chromium() as browser,
        ):
            *earlier, last = STORY
            for flight, user, seats, end in earlier:
                _booking(web, flight, user, end, noOfSeats=seats)
            for flight, user, seats, end in BY_NUMBER:
                ringed = _booking(web, flight, user, end, seatNumbers=seats.split(","))
            flight, user, seats, end = last
            _picture(browser, web, _booking(web, flight, user, end, noOfSeats=seats, **KEPT), ringed)
            _picture_payment(browser, till, paysim)
    return 0


def _booking(web: Web, flight: int, user: int, end: str, **asked: Any) -> int:
    """Hold seats as a customer does, then pay or cancel; gives the booking's id."""
    held = _post(web, "/api/v1/bookings", {"flightId": flight, "userId": user, **asked})
    booking: int = held["id"]
    if end == "paid":
        paid = {"bookingId": booking, "userId": user, "totalCost": held["totalCost"]}
        _post(web, "/api/v1/bookings/payments", paid)
    elif end == "cancelled":
        _post(web, f"/api/v1/bookings/{booking}/cancel", {"userId": user})
    return booking


def _post(web: Web, path: str, content: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Idempotency-Key": uuid.uuid4().hex}
    reply = web.ask("POST", path, content, headers)
    if reply.status >= 300:
        raise RuntimeError(f"POST {path} answered {reply.status}: {reply.body.decode(errors='replace')}")
    found: dict[str, Any] = reply.json()["data"]
    return found


def _picture(browser: Browser, web: Web, booking: int, ringed: int) -> None:
    page = _logged_in(browser, web)
    page.goto(f"/admin/bookings/booking/{booking}/change/")
    page.get_by_label("Note on the case").fill("wants an earlier flight, calls again tomorrow")
    page.get_by_role("button", name="Take the case").click()
    for name, address in (
        ("start", "/admin/"),
        ("bookings", "/admin/bookings/booking/"),
        ("booking", f"/admin/bookings/booking/{booking}/change/"),
        ("flight", f"/admin/bookings/flight/{BY_NUMBER[-1][0]}/?booking={ringed}"),
    ):
        page.goto(address)
        _keep(page, name)


def _picture_payment(browser: Browser, till: Web, paysim: PaySim) -> None:
    """Pay a booking with 3-D Secure, and give a part back."""
    page = _logged_in(browser, till)
    held = _post(till, "/api/v1/bookings", {"flightId": 7, "userId": 1061, "noOfSeats": 2})
    wanted = {"bookingId": held["id"], "userId": 1061, "totalCost": held["totalCost"]}
    secret = _post(till, "/api/v1/bookings/payments", wanted)["payment"]["action"]["clientSecret"]
    address = f"http://127.0.0.1:{till.port}/admin/bookings/booking/{held['id']}/change/"
    page.set_viewport_size(SMALL)
    page.goto(f"{paysim.url}/pay/{secret}?return_url={address}")
    _keep(page, "payment-stand-in")
    page.get_by_label("Test card").select_option("pm_card_authenticationRequired")
    page.get_by_role("button", name="Pay").click()
    _keep(page, "payment-3d-secure")
    page.set_viewport_size(SIZE)
    page.get_by_role("button", name="Yes, it is me").click()
    expect(page.get_by_text("INR paid on ")).to_be_visible(timeout=SOON_MILLISECONDS)
    page.get_by_role("link", name="Refund…").click()
    page.get_by_label("Part", exact=True).fill("1500")
    page.get_by_label("Cause").select_option("goodwill")
    page.get_by_label("Note").fill("left three hours late")
    page.get_by_role("button", name="Show what will happen").click()
    _keep(page, "refund")
    page.get_by_role("button", name="Refund 1,500").click()
    expect(page.get_by_text("of it refunded on ")).to_be_visible(timeout=SOON_MILLISECONDS)
    _keep(page, "booking-refunded")


def _logged_in(browser: Browser, web: Web) -> Page:
    page = browser.new_context(
        base_url=f"http://127.0.0.1:{web.port}", viewport=SIZE, color_scheme="light", reduced_motion="reduce"
    ).new_page()
    page.goto("/admin/")
    page.get_by_label("Username:").fill("admin")
    page.get_by_label("Password:").fill("admin")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    return page


def _keep(page: Page, name: str) -> None:
    """Keep a picture of what is seen of a page."""
    file = FOLDER / f"{name}.png"
    size = len(page.screenshot(path=file))
    if size > LARGEST_BYTES:
        raise RuntimeError(f"{file} has {size} bytes, more than {LARGEST_BYTES}")
    print(f"{file.relative_to(REPOSITORY)}: {size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
