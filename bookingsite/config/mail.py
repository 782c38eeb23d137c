"""Reads where mail to travelers is handed over, and who it is from. What may be a password is never shown."""

import os
import re
from email.headerregistry import Address as Sender
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.messages.backend import MailBackend
from bookings.gateways.messages.smtp import MailServer
from bookings.text.mail_addresses import normal
from bookingsite.config.env import LOCAL_HOST, env

# Writes mails into a folder, for development alone.
FOLDER = "folder:"

# Hands mails over to an e-mail backend of Django, by its path.
BACKEND = "backend:"
PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
# How settings of django-anymail begin.
OF_ANYMAIL = "ANYMAIL_"
# No answer of a mail service in this time: how the sending ended is not known. In seconds, and less than for a message.
ANYMAIL_SECONDS = 15

# How the connection is encrypted, and the usual port.
SCHEMES = {"smtp": ("started", 587), "smtps": ("at once", 465), "smtp+plain": ("none", 25)}
HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|[0-9a-f:.]+")
NAMED = re.compile(r"(?P<name>[^<>@,;:\"\\]*)<(?P<address>[^<>]+)>")


def mail_server(name: str, *, development: bool) -> MailServer | MailBackend | str:
    """
    Read where mails are handed over; empty: nowhere, and no mail is sent. Another text is for development.

    :raises ImproperlyConfigured: unless it is smtp://, smtps:// or smtp+plain:// and a host, with or without a user; or
        backend: and a path
    """
    # Not through `env`: to it a dollar sign at the start is the name of another setting.
    value = os.environ.get(name, "").strip()
    if not value or (value == FOLDER and development):
        return value
    if value.startswith(BACKEND) and PATH.fullmatch(value.removeprefix(BACKEND)):
        return MailBackend(value.removeprefix(BACKEND))
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, SplitResult("", "", "", "", "")
    if not _is_sane(parts, host, port):
        raise ImproperlyConfigured(
            f"{name} must look like smtp://user:password@host:587 (encrypted by STARTTLS), "
            "smtps://user:password@host:465 (encrypted at once), smtp+plain://host:25 (not encrypted) or "
            "backend:path.of.EmailBackend; other signs than letters and digits are percent-encoded in user and "
            "password."
        )
    tls, usual = SCHEMES[parts.scheme]
    if tls == "none" and parts.username and not LOCAL_HOST.fullmatch(host):
        raise ImproperlyConfigured(f"{name} would send a password that all machines on the way can read.")
    return MailServer(host, port or usual, tls, unquote(parts.username or ""), unquote(parts.password or ""))


def _is_sane(parts: SplitResult, host: str, port: int | None) -> bool:
    has_user, has_password = bool(parts.username), bool(parts.password)
    rest = parts.path or parts.query or parts.fragment
    return (
        parts.scheme in SCHEMES
        and HOST.fullmatch(host) is not None
        and port != 0
        and has_user == has_password
        and not rest
        and unquote(parts.netloc).isprintable()
    )


def sender(name: str) -> str:
    """
    Read who mails are from, or where answers go: an address, or Name <address>; empty: no one is named.

    :raises ImproperlyConfigured: if it is no address that each server takes
    """
    value = str(env.str(name, default="")).strip()
    if not value:
        return ""
    found = NAMED.fullmatch(value)
    shown, address = (found["name"].strip(), found["address"].strip()) if found else ("", value)
    try:
        address = normal(address if shown.isprintable() else "")
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must look like bookings@example.org, or Name <bookings@example.org>."
        ) from None
    user, _, domain = address.rpartition("@")
    return str(Sender(shown, user, domain))


def address(name: str) -> str:
    """
    Read a bare address, to which mails are sent; empty: to no one.

    :raises ImproperlyConfigured: if it is no address that each server takes
    """
    value = str(env.str(name, default="")).strip()
    try:
        return normal(value) if value else ""
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must look like operators@example.org.") from None


def anymail() -> dict[str, object]:
    """Read what django-anymail is set to, whatever service it speaks to: each name that begins with its own."""
    found = {name.removeprefix(OF_ANYMAIL): value for name, value in os.environ.items() if name.startswith(OF_ANYMAIL)}
    return {"REQUESTS_TIMEOUT": ANYMAIL_SECONDS, **found}


def is_mail_plain(server: MailServer | MailBackend | str) -> bool:
    """Tell whether mails can be read on their way to another machine."""
    return isinstance(server, MailServer) and server.tls == "none" and not LOCAL_HOST.fullmatch(server.host)
