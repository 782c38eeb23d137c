"""Webhook endpoints: where notices go to, and the secret that signs them."""

from typing import Any
from urllib.parse import urlsplit

from paysim import parameters as p
from paysim.account import Account, random_letters
from paysim.errors import invalid
from paysim.forms import Form
from paysim.lists import list_of
from paysim.store import Thing, Wanted

_CREATE: dict[str, p.Reader] = {
    "api_version": p.text,
    "connect": p.unbuilt,
    "description": p.text,
    "enabled_events": p.texts,
    "metadata": p.metadata,
    "url": p.text,
}


def create(account: Account, form: Form) -> Thing:
    """Make an endpoint; this answer alone shows its secret."""
    values = p.read(form, _CREATE, required=("enabled_events", "url"))
    _check_url(values["url"])
    endpoint = _add(account, values, [f"whsec_{random_letters(32)}"])
    # Shown once, and not kept with what is shown.
    return Thing(
        endpoint.id, endpoint.kind, None, endpoint.created, endpoint.shown | {"secret": endpoint.hidden["secrets"][0]}
    )


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url", code="url_invalid"
        )


def _add(account: Account, values: dict[str, Any], secrets: list[str]) -> Thing:
    shown = {
        "api_version": values.get("api_version"),
        "application": None,
        "description": values.get("description"),
        "enabled_events": values["enabled_events"],
        "metadata": values.get("metadata", {}),
        "status": "enabled",
        "url": values["url"],
    }
    return account.add("webhook_endpoint", shown, hidden={"secrets": secrets})


def configure(account: Account, url: str, secrets: list[str]) -> Thing:
    """Make the endpoint that the command line names, or change it where an earlier start made it."""
    _check_url(url)
    for endpoint in account.store.some("webhook_endpoint", Wanted(), limit=-1):
        if endpoint.hidden.get("configured"):
            endpoint.shown["url"] = url
            endpoint.hidden["secrets"] = secrets
            account.store.save(endpoint)
            return endpoint
    endpoint = _add(account, {"url": url, "enabled_events": ["*"]}, secrets)
    endpoint.hidden["configured"] = True
    account.store.save(endpoint)
    return endpoint


def get(account: Account, _form: Form, name: str) -> Thing:
    """Return an endpoint."""
    return account.find("webhook_endpoint", name, param="webhook_endpoint", in_path=True)


def some(account: Account, form: Form) -> dict[str, Any]:
    """Return a list of endpoints."""
    return list_of(account, "webhook_endpoint", form, {})
