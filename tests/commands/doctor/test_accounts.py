"""manage.py doctor: accounts at payment gateways, what their keys may do, and where their notices go."""

import pytest

from bookings import wiring
from bookings.ports import AccountSeen, Endpoint, Mistake, Unknown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_working_worker")]

OURS = "https://bookings.example.org/webhooks/stripe"


class Account:
    """The part of a gateway that an operator asks about."""

    def __init__(self, seen):
        self.seen = seen

    def page_of(self, payment_id):
        return ""

    def look_at_account(self, *, seconds):
        return self.seen


@pytest.fixture
def lines(run, monkeypatch, settings):
    """What is said of an account."""
    settings.ALLOWED_HOSTS = ["bookings.example.org", ".example.net"]

    def lines_of(seen):
        monkeypatch.setattr(wiring, "payment_gateways", lambda: {"instant": object(), "stripe": Account(seen)})
        code, found = run()
        return code, {name: line for name, line in found.items() if name.startswith("stripe")}

    return lines_of


@pytest.mark.slow
def test_an_account_in_good_order(lines):
    for url in (OURS, f"{OURS}/", "https://eu.example.net/webhooks/stripe"):
        code, found = lines(AccountSeen([], [Endpoint("https://other/hook", True, True), Endpoint(url, True, True)]))

        assert (code, {name: line[0] for name, line in found.items()}) == (0, {"stripe": "OK", "stripe notices": "OK"})
        assert found["stripe"][1].startswith("answers, and its key has all rights that are needed")


@pytest.mark.slow
def test_what_is_wrong_with_an_account_is_said_with_what_to_do(lines):
    faults = {
        "stripe: it refuses the key (401)": Mistake("401"),
        "stripe: it does not answer (no answer)": Unknown("no answer"),
        "stripe: its key lacks rights: Refunds: write, Disputes: read": AccountSeen(
            ["Refunds: write", "Disputes: read"], None
        ),
    }
    for said, seen in faults.items():
        code, found = lines(seen)
        ((name, (verdict, message, hint)),) = found.items()
        assert (code, verdict, f"{name}: {message}") == (1, "FAIL", said)
        assert hint


@pytest.mark.slow
def test_notices_that_do_not_come_are_no_fault_and_are_said(lines):
    elsewhere = [Endpoint(url, True, True) for url in ("https://other/webhooks/stripe", f"{OURS}/x", "")]
    told = {
        "none are sent to /webhooks/stripe of this service": elsewhere,
        f"the endpoint {OURS} is disabled there": [Endpoint(OURS, False, True)],
        f"the endpoint {OURS} is not sent all kinds of events": [Endpoint(OURS, True, False)],
    }
    for said, endpoints in told.items():
        code, found = lines(AccountSeen([], endpoints))
        assert (code, found["stripe notices"][:2]) == (0, ("WARN", said))
