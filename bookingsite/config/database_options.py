"""The options of a database's address: each is passed on as the library takes it, or refused. None is dropped."""

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured

# With MariaDB's library PREFERRED never encrypts, so that it is not in the list.
SSL_MODES = ("DISABLED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
VERIFYING = ("VERIFY_CA", "VERIFY_IDENTITY")
SSL_FILES = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key")
LONGEST_SECONDS = 3600

# Why some that the library knows are not for an address.
NOT_HERE: Mapping[str, str] = MappingProxyType(
    {
        "init_command": "the service sets what its sessions need",
        "isolation_level": "it is READ COMMITTED, always",
        "sql_mode": "set it at the server, to a strict one",
        "local_infile": "nothing is loaded from files",
        "read_default_file": "an options file could undo what stands here",
        "read_default_group": "an options file could undo what stands here",
        "ssl": "write ssl_mode, ssl_ca, ssl_cert and ssl_key",
        "conn_health_checks": "connections are always looked at before they are used again",
        "atomic_requests": "services open the transactions",
        "autocommit": "services open the transactions",
    }
)


class Refused(Exception):
    """An option cannot be used; the message names it and says why, without a value that may be secret."""


def seconds(name: str, text: str) -> int:
    """Read a number of seconds, one at least."""
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= LONGEST_SECONDS:
        raise Refused(f"its option {name} must be a whole number of seconds from 1 to {LONGEST_SECONDS}")
    return int(text)


def age(name: str, text: str) -> int:
    """Read a number of seconds."""
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > LONGEST_SECONDS:
        raise Refused(f"its option {name} must be a whole number of seconds from 0 to {LONGEST_SECONDS}")
    return int(text)


def _characters(name: str, text: str) -> str:
    if text.lower() != "utf8mb4":
        raise Refused(f"its option {name} must be utf8mb4: no other holds every text")
    return "utf8mb4"


def _collation(name: str, text: str) -> str:
    if not re.fullmatch(r"utf8mb4_[a-z0-9_]+", text):
        raise Refused(f"its option {name} must be one of utf8mb4, as utf8mb4_unicode_ci")
    return text


def _ssl_mode(name: str, text: str) -> str:
    mode = text.upper().replace("-", "_")
    if mode == "PREFERRED":
        raise Refused(
            f"its option {name} cannot be PREFERRED: nothing would be encrypted in the end; take REQUIRED or "
            "VERIFY_IDENTITY"
        )
    if mode not in SSL_MODES:
        raise Refused(f"its option {name} must be one of {', '.join(SSL_MODES)}")
    return mode


def file(name: str, text: str) -> str:
    """Read the path of something that is there."""
    is_there = Path(text).is_dir() if name == "ssl_capath" else Path(text).is_file()
    if not Path(text).is_absolute() or not is_there:
        kind = "folder" if name == "ssl_capath" else "file"
        raise Refused(f"its option {name} must be the absolute path of a {kind} that is there")
    return text


def socket(name: str, text: str) -> str:
    """Read the path of something that may not be there yet."""
    if not Path(text).is_absolute():
        raise Refused(f"its option {name} must be an absolute path")
    return text


def _yes_or_no(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Refused(f"its option {name} must be true or false")
    return text.lower() == "true"


def _ciphers(name: str, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_:!+@=-]+", text):
        raise Refused(f"its option {name} must be a list of ciphers, with colons between them")
    return text


READ: Mapping[str, Callable[[str, str], Any]] = MappingProxyType(
    {
        "connect_timeout": seconds,
        "read_timeout": seconds,
        "write_timeout": seconds,
        "conn_max_age": age,
        "charset": _characters,
        "collation": _collation,
        "compress": _yes_or_no,
        "unix_socket": socket,
        "ssl_mode": _ssl_mode,
        "ssl_cipher": _ciphers,
        **dict.fromkeys(SSL_FILES, file),
    }
)


def mysql_options(query: str, *, host: str) -> dict[str, Any]:
    """
    Read the options of an address of MariaDB or MySQL, as mysqlclient takes them; `conn_max_age` is Django's.

    A certificate authority without a mode asks for everything that it can prove: VERIFY_IDENTITY.

    :raises Refused: if one is unknown, there twice, wrong, or contradicts another
    """
    return _with_ssl(read_options(query, host=host, known=READ, not_here=NOT_HERE))


def read_options(
    query: str, *, host: str, known: Mapping[str, Callable[[str, str], Any]], not_here: Mapping[str, str]
) -> dict[str, Any]:
    """
    Read the options of an address of a server, each as it is known.

    :param not_here: why some that a library knows are not for an address
    :raises Refused: if one is unknown, there twice, wrong, or contradicts the host
    """
    found: dict[str, Any] = {}
    for name, text in _pairs(query):
        if name in not_here:
            raise Refused(f"its option {name} cannot be set here: {not_here[name]}")
        if name not in known:
            raise Refused(f"its option {_shown(name)} is not known; known are {', '.join(sorted(known))}")
        if name in found:
            raise Refused(f"its option {name} is there twice")
        found[name] = known[name](name, text)
    if "unix_socket" in found and host not in ("", "localhost"):
        raise Refused("its option unix_socket contradicts its host: omit one of them")
    return found


def no_options(query: str) -> None:
    """
    Refuse every option, for a database that has none.

    :raises Refused: if there is one
    """
    for name, _text in _pairs(query):
        raise Refused(f"its option {_shown(name)} is not known: SQLite has none here")


def _pairs(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        # A plus sign stays one: a path may have it.
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise Refused("its options must look like ?name=value&name=value") from None
    return [(name.lower().replace("-", "_"), text) for name, text in pairs]


def _with_ssl(found: dict[str, Any]) -> dict[str, Any]:
    """Gather what the library takes as one, and say how much it must prove."""
    parts = {name: found.pop(name) for name in (*SSL_FILES, "ssl_cipher") if name in found}
    mode = found.get("ssl_mode")
    if parts and mode == "DISABLED":
        raise Refused(f"its option ssl_mode=DISABLED contradicts {', '.join(parts)}")
    if ("ssl_cert" in parts) != ("ssl_key" in parts):
        raise Refused("its options ssl_cert and ssl_key go together")
    if parts:
        found["ssl"] = {name.removeprefix("ssl_"): value for name, value in parts.items()}
    if mode is None and ("ssl_ca" in parts or "ssl_capath" in parts):
        found["ssl_mode"] = "VERIFY_IDENTITY"
    elif mode is None and parts:
        found["ssl_mode"] = "REQUIRED"
    if found.get("ssl_mode") in VERIFYING and not {"ssl_ca", "ssl_capath"} & parts.keys():
        found["ssl"] = {**found.get("ssl", {}), **_authorities()}
    return found


def _authorities() -> dict[str, str]:
    """
    Name the authorities that this machine trusts, as the library takes them.

    Without a name MariaDB's library trusts the same, but from 3.4 on also any server at 127.0.0.1.
    """
    paths = ssl.get_default_verify_paths()
    found = {name: path for name, path in (("ca", paths.cafile), ("capath", paths.capath)) if path}
    if not found:
        raise Refused("its option ssl_mode needs ssl_ca: this machine has no certificate authorities of its own")
    return found


def _shown(name: str) -> str:
    """The name that was typed, unless it may be part of a password that was not encoded."""
    return name if re.fullmatch(r"[a-z_]{1,40}", name) else "(one with odd characters)"


def refusal(setting: str, why: Exception) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{setting} cannot be used: {why}.")
