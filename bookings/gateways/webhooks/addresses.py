"""Reads the addresses that clients name for webhooks, in one strict form: what can be read in two ways is refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

from bookings.gateways.webhooks.networks import Address, Network, is_within, parsed
from bookings.ports.webhooks import UnsafeAddress

# The column's own length.
LONGEST_ADDRESS = 500

USUAL_PORTS = {"http": 80, "https": 443}
# What RFC 3986 allows in a path and a query, and nothing that one reader would take for a part of the host.
TARGET = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
NAME = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# The last part of a name is never a number; readers that take 127.1 or 0x7f.1 for an address look at this part.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes. `literal` is the IP address that stands in the place of a name."""

    scheme: str
    host: str
    port: int
    rest: str
    literal: Address | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == USUAL_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.rest}"


def read(url: str, *, ports: Sequence[int], private: Sequence[Network]) -> Target:
    """
    Read an address.

    HTTP, and IP addresses in the place of a name, are for the networks of `private` alone.

    :raises UnsafeAddress: if nothing may be sent there, whatever its name leads to
    """
    if not url or len(url) > LONGEST_ADDRESS or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        raise UnsafeAddress(f"not an address of at most {LONGEST_ADDRESS} characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UnsafeAddress("not an address") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and private):
        raise UnsafeAddress("must begin with https://")
    if "@" in parts.netloc or "#" in url:
        raise UnsafeAddress("must have no user, no password and no fragment")
    port = USUAL_PORTS[parts.scheme] if port is None else port
    if port not in ports:
        raise UnsafeAddress(f"port {port} is not one of {', '.join(str(each) for each in ports)}")
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    if not TARGET.fullmatch(rest):
        raise UnsafeAddress("other characters must be percent-encoded")
    literal = _literal(host)
    if literal is not None and not is_within(literal, private):
        raise UnsafeAddress("an IP address in the place of a name")
    return Target(parts.scheme, str(literal) if literal else _name(host), port, rest or "/", literal)


def _literal(host: str) -> Address | None:
    try:
        return parsed(host)
    except ValueError:
        return None


def _name(host: str) -> str:
    """Write a name as name servers know it."""
    try:
        name = host if host.isascii() else idna.encode(host).decode()
    except idna.IDNAError:
        raise UnsafeAddress("not the name of a host") from None
    labels = name.split(".")
    if not NAME.fullmatch(name) or len(name) > 253 or max(map(len, labels)) > 63 or NUMBER.fullmatch(labels[-1]):
        raise UnsafeAddress("not the full name of a host")
    return name
