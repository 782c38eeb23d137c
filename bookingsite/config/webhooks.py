"""Reads the settings of webhooks, and the keys that seal what is secret in the database. No key is ever shown."""

import base64
import binascii
import os
import ssl

from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.webhooks.networks import Network, network
from bookingsite.config.env import base_address, env, names

SEAL_KEY_BYTES = 32
DEVELOPMENT_SEAL_KEY = b"for development only: no secrets"


def ports(name: str) -> list[int]:
    """
    Read to which ports webhooks are sent.

    :raises ImproperlyConfigured: if one is no port
    """
    found = names(name) or ["443"]
    if not all(each.isascii() and each.isdigit() and 0 < int(each) < 65536 for each in found):
        raise ImproperlyConfigured(f"{name} must look like 443,8443: ports, with commas between them.")
    return [int(each) for each in found]


def private_networks(name: str) -> list[Network]:
    """
    Read the networks inside to which webhooks may be sent, over HTTP too; none unless some are named.

    :raises ImproperlyConfigured: if one is no network, or all addresses there are
    """
    try:
        return [network(each) for each in names(name)]
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} must look like 10.20.0.0/16,fd00:20::/32: networks, without bits behind the prefix, and never all "
            "addresses."
        ) from None


def ca_file(name: str) -> str:
    """
    Read where the authorities are that sign the certificates of receivers; empty: the public ones.

    :raises ImproperlyConfigured: if there is no such file, or no certificate in it
    """
    path = str(env.str(name, default=""))
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise ImproperlyConfigured(f"{name} is {path!r}; it must be a file with certificates of authorities.") from None
    return path


def proxy(name: str) -> str:
    """
    Read the proxy that webhooks go through; empty: none.

    :raises ImproperlyConfigured: unless it is http(s)://host[:port]
    """
    return base_address(name, default="") if env.str(name, default="") else ""


def seal_keys(name: str, *, development: bool) -> list[bytes]:
    """
    Read the keys that seal secrets: the new one first, then those that still open what is older.

    :raises ImproperlyConfigured: if one is not 32 bytes in base64
    """
    found = []
    # Not through `env`: to it a dollar sign at the start is the name of another setting.
    for text in filter(None, (each.strip() for each in os.environ.get(name, "").split(","))):
        try:
            key = base64.b64decode(text, altchars="-_" if set(text) & set("-_") else None, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != SEAL_KEY_BYTES or len(set(key)) < SEAL_KEY_BYTES // 4:
            raise ImproperlyConfigured(
                f"{name} must have {SEAL_KEY_BYTES} random bytes in base64, and a comma between two keys. Make one "
                "with: python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
            )
        found.append(key)
    return found or [DEVELOPMENT_SEAL_KEY] * development
