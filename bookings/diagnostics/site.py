"""Checks of the settings: what can be told without asking another system."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core import checks

from bookings import wiring
from bookings.diagnostics.finding import Finding, fail, in_one_line, ok, warn
from bookings.ports import SigningKeysUnavailable

# Any id that no key has: a set of keys is then read, as for a token that names a new key.
NO_KEY = "doctor"


def check_settings() -> Iterator[Finding]:
    """Look at what `check --deploy` says, and whether files are where the settings say."""
    if settings.DEBUG:
        yield warn(
            "settings",
            "DEBUG=true: development values, pages with details of errors, and known passwords",
            "Where others can reach this service, set DEBUG=false, SECRET_KEY, ALLOWED_HOSTS and CURRENCY.",
        )
    yield from _what_django_says()
    yield _static_files()


def check_callers(active_keys: int | None) -> Iterator[Finding]:
    """Look at who may call the API. `active_keys` of services are in the database; None where that is unknown."""
    if settings.API_AUTH == "open":
        yield ok("callers", "API_AUTH=open: no caller needs a token or a key")
        return
    keys = "not known" if active_keys is None else str(active_keys)
    if settings.JWT_SECRETS or settings.JWT_JWKS:
        yield _signing_keys(keys)
        return
    found = f"no keys for customers' tokens; keys of services: {keys}"
    hint = "Set JWT_ISSUER and JWT_JWKS (or JWT_SECRET) for customers; `manage.py api_keys create` for others."
    if active_keys == 0:
        yield fail("callers", f"{found}: no client can call", hint)
    else:
        yield warn("callers", found, hint)


def _signing_keys(service_keys: str) -> Finding:
    try:
        wiring.signing_keys().candidates(algorithm="RS256", key_id=NO_KEY)
    except (SigningKeysUnavailable, OSError, ValueError) as error:
        return fail(
            "callers",
            f"the customers' keys of JWT_JWKS cannot be read ({type(error).__name__})",
            "Ask for that address, or read that file, from this machine: it must be a JSON Web Key Set.",
        )
    return ok("callers", f"customers' tokens can be verified; keys of services: {service_keys}")


def _what_django_says() -> Iterator[Finding]:
    """Run the system checks; those for production only where this is production."""
    try:
        messages = checks.run_checks(include_deployment_checks=not settings.DEBUG)
    except (OSError, ValueError) as error:
        # A check imports the whole site, and that makes what the settings name.
        yield fail("settings", in_one_line(error), "Correct the setting that it speaks of.")
        return
    spoken = [message for message in messages if not message.is_silenced()]
    for message in spoken:
        find = fail if message.is_serious() else warn
        hint = message.hint or "See `manage.py check --deploy`."
        yield find("settings", f"{message.id}: {message.msg}", " ".join(hint.split()))
    if not spoken:
        which = "development" if settings.DEBUG else "production"
        yield ok("settings", f"the checks for {which} found nothing")


def _static_files() -> Finding:
    if settings.DEBUG:
        return ok("static files", "served from the sources, as in development")
    if (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        return ok("static files", "collected")
    return fail(
        "static files",
        f"not collected in {settings.STATIC_ROOT}: pages of the back office answer 500",
        "Run `manage.py collectstatic --noinput`.",
    )
