"""manage.py webhooks, and what doctor says of endpoints: what an operator sees."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bookings import wiring
from bookings.actor import Scope
from bookings.db.clock import database_time
from bookings.diagnostics import webhooks as diagnosed
from bookings.models import ApiKey, WebhookEndpoint, WebhookReplay
from bookings.ports.webhooks import NameUnknown, UnsafeAddress
from bookings.services.shared.sealing import Seal
from tests.support.callers import a_service_key
from tests.support.webhooks import SEAL, FakeWebhooks, an_endpoint

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.org/a"


def run(*words: str) -> list[str]:
    out = StringIO()
    call_command("webhooks", *words, stdout=out)
    return out.getvalue().splitlines()


def made(*words: str) -> WebhookEndpoint:
    run("create", URL, *words)
    return WebhookEndpoint.objects.latest("pk")


def test_an_endpoint_is_made_for_a_service_and_its_secret_is_the_last_line():
    a_service_key(Scope.BOOKINGS_READ)
    key = ApiKey.objects.get()

    lines = run("create", URL, "--for", key.key_id, "--types", "booking.paid,booking.held")

    endpoint = WebhookEndpoint.objects.get()
    assert lines[-1].startswith("whsec_")
    assert lines[0].startswith(endpoint.key)
    assert (endpoint.api_key, endpoint.types) == (key, "booking.held booking.paid")
    assert run("list") == [f"{endpoint.key}  new  {URL}  ({key.name})", "1 endpoints"]


def test_an_endpoint_is_paused_enabled_disabled_and_retired():
    endpoint = made("--contact-email", "ops@example.org")
    assert endpoint.contact_email is not None
    assert run("pause", endpoint.key) == [f"{endpoint.key} is paused."]
    assert run("enable", endpoint.key) == [f"{endpoint.key} is active."]
    assert run("disable", endpoint.key, "--why", "wrong address") == [f"{endpoint.key} is disabled."]
    WebhookEndpoint.objects.update(failures=3)
    assert run("list")[0] == f"{endpoint.key}  disabled: wrong address, 3 failures in a row  {URL}  (no key)"
    assert run("ping", endpoint.key) == [f"A ping goes to {endpoint.key}."]
    assert run("rotate", endpoint.key, "--grace-hours", "1")[-1].startswith("whsec_")
    assert run("replay", endpoint.key, "--hours", "2", "--only-dead")[0].endswith(
        f"is sent to {endpoint.key} once more."
    )
    assert WebhookReplay.objects.get().only_dead
    assert run("reseal") == [
        "0 endpoints had secrets under another key.",
        "0 contacts had addresses under another key.",
    ]
    assert run("retire", endpoint.key) == [f"{endpoint.key} is retired."]
    assert run("list") == ["0 endpoints"]


def test_what_cannot_be_done_is_said():
    endpoint = made()
    for words, said in (
        (("create", "http://inside.example.org/"), "url: Must begin with https://."),
        (("create", URL), "There is one with this address"),
        (("create", URL, "--for", "0" * 16), "There is no key"),
        (("create", URL + "/b", "--contact-email", "ops"), "--contact-email must be"),
        (("ping", "we_none"), "There is no such webhook endpoint."),
        (("rotate", endpoint.key, "--grace-hours", "999"), "graceHours: From 0 to 168."),
    ):
        with pytest.raises(CommandError, match=said):
            run(*words)


def findings(webhooks: FakeWebhooks | None = None, seal: Seal = SEAL) -> list[tuple[str, str, str]]:
    found = diagnosed.check_webhooks(webhooks or FakeWebhooks(), seal)
    return [(str(each.verdict), each.name, each.message) for each in found]


def test_doctor_looks_at_secrets_endpoints_and_names():
    assert findings() == [("OK", "webhooks", "there is no endpoint of webhooks")]
    assert findings(seal=Seal([])) == [
        ("OK", "webhooks", "there is no endpoint of webhooks; without SEAL_KEYS there can be none")
    ]
    endpoint = an_endpoint().endpoint
    assert [verdict for verdict, _, _ in findings()] == ["OK"] * 3
    assert findings(seal=Seal([b"another key of thirty-two bytes."]))[0] == (
        "FAIL",
        "webhook secrets",
        "SEAL_KEYS opens the secrets of 0 endpoints of 1",
    )

    WebhookEndpoint.objects.update(failing_since=database_time() - timedelta(hours=2))
    assert findings()[1][:2] == ("WARN", "webhook endpoints")
    WebhookEndpoint.objects.update(state="disabled", disabled_why="gone")
    assert findings()[1][2] == f"{endpoint.key} disabled"


def test_doctor_says_where_names_lead():
    an_endpoint()

    class Elsewhere(FakeWebhooks):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

        def leads_to(self, url: str, *, seconds: float) -> tuple[str, ...]:
            raise self.error

    for error in (UnsafeAddress("the name leads inside"), NameUnknown("no such host")):
        verdict, name, said = findings(Elsewhere(error))[2]
        assert (verdict, name, str(error) in said) == ("WARN", "webhook addresses", True)


def test_the_service_seals_by_the_key_of_the_settings():
    made()

    assert diagnosed._secrets(list(WebhookEndpoint.objects.all()), wiring.seal(), database_time()).verdict == "OK"
