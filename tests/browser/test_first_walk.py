"""
The first minutes with payments by Stripe: what `make run PAYMENTS=stripe` prints is all that somebody needs who holds
seats, pays with 3-D Secure at the stand-in's page, and gives a part back.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from devtools.processes import REPOSITORY, free_port
from tests.browser.axe import barriers
from tests.browser.conftest import PAGE_MILLISECONDS, WIDE
from tests.support.servers import environment

pytestmark = [pytest.mark.server, pytest.mark.long]

# The start included, and also where the machine has other things to do.
WALK_SECONDS = 120
# The worker looks every ten seconds, the page of the booking every three.
SOON_MILLISECONDS = 30_000


@contextmanager
def everything_runs(folder) -> Iterator[str]:
    """Run what `make run PAYMENTS=stripe` runs, for the length of the block; gives what it has printed."""
    ports = {name: str(free_port()) for name in ("WEB_PORT", "FLIGHTS_PORT", "PAYMENTS_PORT")}
    env = environment(
        **ports, PAYMENTS="stripe", DATABASE_URL=f"sqlite:///{folder}/b.sqlite3", FAULTS=f"--store {folder}/f.sqlite3"
    )
    words = [sys.executable, "-m", "devtools.run_all"]
    with subprocess.Popen(
        words, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            printed = []
            while "Ctrl-C stops it" not in (printed or [""])[-1]:
                printed.append(running.stdout.readline())
                assert printed[-1], printed
            yield "".join(printed)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(30)


def test_what_is_printed_leads_from_the_seats_to_a_refund(browser, tmp_path):
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    context.set_default_timeout(PAGE_MILLISECONDS)
    page, began = context.new_page(), time.monotonic()
    with everything_runs(tmp_path) as printed:
        lines = printed[printed.index("API=") :].partition("\n\n")[0]
        said = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, timeout=30)
        held, waits = (json.loads(line)["data"] for line in said.stderr.splitlines() if line.startswith("{"))

        page.goto(said.stdout.strip())
        assert barriers(page) == []
        card = page.get_by_label("Test card").locator("option", has_text="asks for 3-D Secure").first.inner_text()
        page.get_by_label("Test card").select_option(label=card)
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("heading", name="Your bank asks")).to_be_visible()
        assert barriers(page) == []
        page.get_by_role("button", name="Yes, it is me").click()

        page.get_by_label("Username:").fill("admin")
        page.get_by_label("Password:").fill("admin")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("Money: 40.00 INR paid on ")).to_be_visible(timeout=SOON_MILLISECONDS)
        page.get_by_role("link", name="Refund…").click()
        page.get_by_label("Part", exact=True).fill("7.50")
        page.get_by_label("Cause").select_option("goodwill")
        page.get_by_label("Note").fill("three hours late")
        page.get_by_role("button", name="Show what will happen").click()
        page.get_by_role("button", name="Refund 7.50 INR").click()
        expect(page.get_by_text("Money: 7.50 INR of it refunded on ")).to_be_visible(timeout=SOON_MILLISECONDS)
        took = time.monotonic() - began
    context.close()

    assert held["status"] == "initiated"
    assert (waits["payment"]["state"], waits["payment"]["action"]["type"]) == ("awaiting_payer", "confirm")
    assert took < WALK_SECONDS
