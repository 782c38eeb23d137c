"""The options of an address of PostgreSQL, as those of others in `bookingsite.config.database_options`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bookingsite.config.database_options import Refused, age, file, read_options, seconds, socket

# The library's own default, `prefer`, goes on without encryption where a server, or a machine in between, says so.
SSL_MODES = ("disable", "require", "verify-ca", "verify-full")
SSL_FILES = ("sslrootcert", "sslcert", "sslkey")

# Why some that the library knows are not for an address.
NOT_HERE: Mapping[str, str] = MappingProxyType(
    {
        "options": "the service sets what its sessions need",
        "isolation_level": "it is READ COMMITTED, always",
        "client_encoding": "it is UTF8, always",
        "service": "a file of services could undo what stands here",
        "passfile": "write the password into the address",
        "pool": "each thread keeps its connection",
        "assume_role": "log in as the role that works here",
        "server_side_binding": "values are written into the text, so that statements can travel together",
        "target_session_attrs": "a server that takes no writes is left in any case",
        "autocommit": "services open the transactions",
    }
)


def _mode(name: str, text: str) -> str:
    mode = text.lower().replace("_", "-")
    if mode in ("allow", "prefer"):
        raise Refused(
            f"its option {name} cannot be {mode}: nothing would be encrypted where a machine in between says so; take "
            "require or verify-full"
        )
    if mode not in SSL_MODES:
        raise Refused(f"its option {name} must be one of {', '.join(SSL_MODES)}")
    return mode


def _folder(name: str, text: str) -> str:
    socket(name, text)
    if Path(text).is_file() or ".s.PGSQL." in text:
        raise Refused(f"its option {name} must be the folder of the socket")
    return text


READ: Mapping[str, Callable[[str, str], Any]] = MappingProxyType(
    {
        "connect_timeout": seconds,
        "read_timeout": seconds,
        "write_timeout": seconds,
        "conn_max_age": age,
        "unix_socket": _folder,
        "sslmode": _mode,
        **dict.fromkeys(SSL_FILES, file),
    }
)


def postgresql_options(query: str, *, host: str) -> dict[str, Any]:
    """
    Read the options of an address of PostgreSQL, as its library takes them; `read_timeout`, `write_timeout`,
    `unix_socket` and `conn_max_age` are ours.

    A certificate authority without a mode asks for everything that it can prove: verify-full.

    :raises Refused: if one is unknown, there twice, wrong, or contradicts another
    """
    found = read_options(query, host=host, known=READ, not_here=NOT_HERE)
    files = [name for name in SSL_FILES if name in found]
    if files and found.get("sslmode") == "disable":
        raise Refused(f"its option sslmode=disable contradicts {', '.join(files)}")
    if ("sslcert" in found) != ("sslkey" in found):
        raise Refused("its options sslcert and sslkey go together")
    if files and "sslmode" not in found:
        found["sslmode"] = "verify-full" if "sslrootcert" in found else "require"
    return found
