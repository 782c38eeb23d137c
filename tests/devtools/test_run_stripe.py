"""What `make run PAYMENTS=stripe` adds to a run."""

import json
import re
import signal
import subprocess
import sys

import pytest
import requests

from bookingsite.config import payments
from devtools import run_all, run_stripe
from devtools.processes import REPOSITORY, free_port
from tests.support.servers import environment
from tests.support.waiting import await_that

SETTINGS = run_stripe.settings(paysim="http://127.0.0.1:8002", web="http://127.0.0.1:8000", currency="INR")


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch):
    for name in ("PAYMENTS", "CURRENCY", "PAYMENT_GATEWAY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_there_is_no_stand_in_for_stripe():
    assert run_all._pays_by_stripe() is False


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv("PAYMENTS", "paypal")

    with pytest.raises(run_all.CannotRun, match=r"^PAYMENTS=paypal is not known; PAYMENTS=stripe starts"):
        run_all._pays_by_stripe()


def test_its_settings_are_such_as_a_start_accepts(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    assert payments.stripe_key("STRIPE_API_KEY", publishable=False) == run_stripe.KEY
    assert payments.stripe_key("STRIPE_PUBLISHABLE_KEY", publishable=True) == run_stripe.PUBLISHABLE_KEY
    assert payments.stripe_webhook_secrets("STRIPE_WEBHOOK_SECRET") == [run_stripe.WEBHOOK_SECRET]
    assert payments.stripe_address("STRIPE_API_URL", development=True) == "http://127.0.0.1:8002"
    assert payments.return_address("PAYMENT_RETURN_URL", development=True).startswith("http://127.0.0.1:8000/")


def test_they_go_before_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("PAYMENT_GATEWAY", "demo")

    kept = run_all._environment(flights="http://127.0.0.1:1", payments=SETTINGS)

    assert {name: kept[name] for name in SETTINGS} == SETTINGS


@pytest.mark.long
def test_the_printed_lines_hold_and_a_payer_at_the_stand_ins_page_pays(tmp_path):
    web_port, payments_port = free_port(), free_port()
    running = subprocess.Popen(
        [sys.executable, "-m", "devtools.run_all"],
        cwd=REPOSITORY,
        env=environment(
            DATABASE_URL=f"sqlite:///{tmp_path}/b.sqlite3",
            WEB_PORT=str(web_port),
            FLIGHTS_PORT=str(free_port()),
            PAYMENTS_PORT=str(payments_port),
            PAYMENTS="stripe",
            FAULTS=f"--store {tmp_path}/flights.sqlite3",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = []
        while not any("Ctrl-C stops it" in line for line in lines):
            lines.append(running.stdout.readline())
            assert lines[-1], lines
        printed = "".join(lines)
        start = printed.index("API=")
        hold_and_pay = printed[start:].partition("\n\n")[0]
        page = printed[printed.index('echo "http') :].partition("\n\n")[0]
        done = subprocess.run(["bash", "-c", f"{hold_and_pay}\n{page}"], capture_output=True, text=True, timeout=30)
        held = json.loads(done.stderr)
        waiting, address = done.stdout.split("\n")[:2]
        secret = re.search(r"/pay/(\w+)\?return_url=http://127\.0\.0\.1:", address)[1]
        steps = [{"do": "confirm", "card": "pm_card_authenticationRequired"}, {"do": "authenticate"}]
        for step in steps:
            requests.post(f"http://127.0.0.1:{payments_port}/__payer/{secret}", json=step, timeout=10)
        booking = f"http://127.0.0.1:{web_port}/api/v1/bookings/{held['data']['id']}?userId=1001"
        await_that(
            lambda: requests.get(booking, timeout=10).json()["data"]["status"] == "booked",
            lambda: requests.get(booking, timeout=10).text,
        )
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)
        running.stdout.close()

    action = json.loads(waiting)["data"]["payment"]["action"]
    assert (action["type"], action["gateway"], action["clientSecret"]) == ("confirm", "stripe", secret)
    assert address.startswith(f"http://127.0.0.1:{payments_port}/pay/pi_")
