"""Checks of the accounts at payment gateways: whether they answer, what their keys may do, where their notices go."""

import time
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from django.conf import settings

from bookings.diagnostics.finding import Finding, fail, ok, warn
from bookings.ports import AccountSeen, Endpoint, HasAccount, Mistake, PaymentGateway

CALL_SECONDS = 3.0
PAPER = "docs/payments.md"


def check_accounts(gateways: Mapping[str, PaymentGateway]) -> Iterator[Finding]:
    """Ask each gateway that has an account; nothing is said where none has."""
    for name, gateway in gateways.items():
        if isinstance(gateway, HasAccount):
            yield from _check(name, gateway)


def _check(name: str, gateway: HasAccount) -> Iterator[Finding]:
    began = time.monotonic()
    seen = gateway.look_at_account(seconds=CALL_SECONDS)
    if isinstance(seen, Mistake):
        yield fail(name, f"it refuses the key ({seen.why})", f'See "Change a key" in {PAPER}: was it rolled?')
        return
    if not isinstance(seen, AccountSeen):
        hint = "Is its address reached from this machine? No payment can be made meanwhile."
        yield fail(name, f"it does not answer ({seen.why})", hint)
        return
    if seen.missing:
        hint = f'Give them to the restricted key in the gateway\'s dashboard: "Set it up" in {PAPER}.'
        yield fail(name, f"its key lacks rights: {', '.join(seen.missing)}", hint)
    else:
        took = round((time.monotonic() - began) * 1000)
        yield ok(name, f"answers, and its key has all rights that are needed (four calls in {took} ms)")
    if seen.endpoints is not None:
        yield _notices(name, seen.endpoints)


def _notices(name: str, endpoints: Sequence[Endpoint]) -> Finding:
    """Look whether the gateway tells this service, by one of its names, all that it makes something of."""
    what, ours = f"{name} notices", [each for each in endpoints if _is_ours(name, each)]
    hint = f'Payments are right without notices, and are settled later: "Set it up" in {PAPER} says where they go.'
    if not ours:
        return warn(what, f"none are sent to /webhooks/{name} of this service", hint)
    good = [each for each in ours if each.enabled]
    if not good:
        return warn(what, f"the endpoint {ours[0].url} is disabled there", hint)
    if not any(each.has_all for each in good):
        return warn(what, f"the endpoint {good[0].url} is not sent all kinds of events", hint)
    return ok(what, f"are sent to {good[0].url}")


def _is_ours(name: str, endpoint: Endpoint) -> bool:
    address = urlsplit(endpoint.url)
    hosts = settings.ALLOWED_HOSTS
    is_here = "*" in hosts or any(
        address.hostname == host or (host.startswith(".") and f".{address.hostname}".endswith(host)) for host in hosts
    )
    return is_here and address.path.rstrip("/") == f"/webhooks/{name}"
