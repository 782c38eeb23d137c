"""Reads where the database and its replica are, and adds what each kind needs to be safe here."""

import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured

from bookings.db.limits import COMMAND, GALERA, REPLICA, Limits
from bookings.text.cells import ONLY_ONE, Cell
from bookingsite.config.cells import cell
from bookingsite.config.database_options import Refused, mysql_options, no_options, refusal
from bookingsite.config.env import BASE_DIR, env, one_of
from bookingsite.config.postgresql_options import postgresql_options


def database() -> dict[str, Any]:
    """
    Read DATABASE_URL, and add what each kind of database needs to be safe here.

    :raises ImproperlyConfigured: if it is none of the three, has an option that cannot be used, or no such cluster
    """
    address = str(env.str("DATABASE_URL", default=""))
    cluster, of_the_cells = _cluster(), cell()
    if of_the_cells != ONLY_ONE and not address.startswith("mysql:"):
        raise ImproperlyConfigured(
            f"CELL={of_the_cells} needs a DATABASE_URL that starts with mysql://: others do not count in steps."
        )
    if cluster and not address.startswith("mysql:"):
        raise ImproperlyConfigured("DATABASE_CLUSTER=galera needs a DATABASE_URL that starts with mysql://.")
    if not address:
        return _sqlite(str(BASE_DIR / "var" / "bookings.sqlite3"))
    if address.startswith("sqlite:"):
        return _sqlite(_sqlite_file(address))
    config = _address_of("DATABASE_URL") or {}
    engine = config.get("ENGINE", "").rsplit(".", 1)[-1]
    if engine == "mysql":
        return _mysql(config, COMMAND, cluster=cluster, of_the_cells=of_the_cells)
    if engine == "postgresql":
        return _postgresql(config, COMMAND)
    raise ImproperlyConfigured(
        "DATABASE_URL must start with sqlite:///, mysql:// or postgresql://, as in "
        "mysql://user:password@host:3306/name or postgresql://user:password@host:5432/name."
    )


def replica(*, of: dict[str, Any]) -> dict[str, Any] | None:
    """
    Read DATABASE_REPLICA_URL: a copy of the database, to read lists from; None without one.

    After a failover it may name what is the primary now: then there is no replica, and a check warns of it.

    :raises ImproperlyConfigured: unless both of them are mysql, or if it has an option that cannot be used
    """
    config = _address_of("DATABASE_REPLICA_URL")
    if config is None:
        return None
    if _cluster():
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL cannot be used with DATABASE_CLUSTER=galera: the nodes have no position in common by "
            "which a list could wait until it is up to date. Omit it."
        )
    is_whole = config.get("HOST") and config.get("NAME")
    if not is_whole or not all(each.get("ENGINE", "").endswith(".mysql") for each in (config, of)):
        # It may have a password, so it is not shown.
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL must look like mysql://user:password@host:3306/name, and DATABASE_URL too; or "
            "omit it."
        )
    if _place(config) == _place(of):
        return None
    config = _mysql(config, REPLICA)
    # MariaDB's name for it, and MySQL's.
    config["OPTIONS"]["init_command"] += " /*M! , tx_read_only=1 */ /*!80000 , transaction_read_only=1 */"
    # The look whether it is up to date comes first each time, and finds a dead connection too.
    config["CONN_HEALTH_CHECKS"] = False
    config["TEST"] = {"MIRROR": "default"}
    return config


def _cluster() -> str:
    """Read what kind of cluster the database is a node of; empty if of none."""
    kind = one_of("DATABASE_CLUSTER", default="none", choices=("none", GALERA))
    return "" if kind == "none" else kind


def _address_of(name: str) -> dict[str, Any] | None:
    """
    Take an address apart; None if the setting is empty. Its options are those of the library.

    :raises ImproperlyConfigured: if it is none, or has an option that cannot be used
    """
    text = env.str(name, default="")
    if not text:
        return None
    address, _mark, query = text.partition("?")
    try:
        with warnings.catch_warnings():
            # What it warns of an address that it does not know shows the password.
            warnings.simplefilter("ignore")
            config: dict[str, Any] = env.db_url_config(address)
    except (ValueError, ImproperlyConfigured):
        # Nor is it shown here, or as the cause.
        raise ImproperlyConfigured(
            f"{name} must look like mysql://user:password@host:3306/name"
            f"{' or postgresql://user:password@host:5432/name' if name == 'DATABASE_URL' else ''}."
        ) from None
    engine = config.get("ENGINE", "")
    try:
        if "#" in text:
            # What follows would be dropped, and what is connected to is not what was meant.
            raise Refused("it has a #, which must be written %23")
        if engine.endswith((".mysql", ".postgresql")) and not config["NAME"]:
            raise Refused("it names no database")
        if engine.endswith(".mysql"):
            config["OPTIONS"] = mysql_options(query, host=config["HOST"])
        elif engine.endswith(".postgresql"):
            config["OPTIONS"] = postgresql_options(query, host=config["HOST"])
        elif engine.endswith(".sqlite3"):
            no_options(query)
    except Refused as why:
        raise refusal(name, why) from None
    return config


def _place(config: dict[str, Any]) -> tuple[str, int, str]:
    return config["HOST"], config["PORT"] or 3306, config["NAME"]


def _sqlite_file(address: str) -> str:
    """
    Give the file that an address of SQLite names; relative ones are meant from the folder of the program.

    In an address `#` and `?` part the path from what comes behind: a file of that name would be another one.

    :raises ImproperlyConfigured: if it names none, or has one of these
    """
    rest = address.removeprefix("sqlite:")
    if rest in ("//", "//:memory:", "///:memory:"):
        return ":memory:"
    file = unquote(rest.removeprefix("///"))
    if not rest.startswith("///") or rest.endswith("/") or "#" in rest or "?" in rest or "\0" in file:
        raise ImproperlyConfigured(
            "DATABASE_URL must look like sqlite:///file or sqlite:////folder/file, without options. In the name "
            "write # as %23, ? as %3F and % as %25."
        )
    return file


def _sqlite(file: str) -> dict[str, Any]:
    config: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": file}
    if file != ":memory:":
        path = Path(BASE_DIR, file)
        config["NAME"] = str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            raise ImproperlyConfigured(
                f"The folder of the SQLite database cannot be made: {reason}. Name another file in DATABASE_URL."
            ) from reason
    config["OPTIONS"] = {
        # Seconds to wait for the one writer; waiting is unfair, so the tail is long.
        "timeout": 20,
        # Each block takes the write lock at its start: select_for_update is silently ignored here, and a
        # block that upgrades from reading to writing fails at once instead of waiting.
        "transaction_mode": "IMMEDIATE",
        # FULL: a power cut must not take back a booking whose seats were asked for after its commit.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    config["CONN_MAX_AGE"] = None
    return config


def _mysql(
    config: dict[str, Any], limits: Limits, *, cluster: str = "", of_the_cells: Cell = ONLY_ONE
) -> dict[str, Any]:
    """Add what a session needs. See `bookings.db.limits.use` for what a process may change of it."""
    asked_for = config.get("OPTIONS", {})
    config["ENGINE"] = "bookingsite.mysql"
    config["CONN_MAX_AGE"] = asked_for.pop("conn_max_age", 60)
    config["CONN_HEALTH_CHECKS"] = True
    config["OPTIONS"] = {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        **limits.options("mysql", cluster=cluster, cell=of_the_cells),
        **asked_for,
    }
    config["ASKED_FOR"] = asked_for
    config["CLUSTER"] = cluster
    config["CELL"] = of_the_cells
    # Binary-safe names and emoji in notes, whatever the server's own default is.
    config["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    return config


def _postgresql(config: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Likewise."""
    asked_for = config.get("OPTIONS", {})
    config["ENGINE"] = "bookingsite.postgresql"
    config["HOST"] = asked_for.pop("unix_socket", config["HOST"])
    config["CONN_MAX_AGE"] = asked_for.pop("conn_max_age", 60)
    config["CONN_HEALTH_CHECKS"] = True
    # What such a cursor reads later belongs to another packet; and a pooler in between would not keep it.
    config["DISABLE_SERVER_SIDE_CURSORS"] = True
    config["OPTIONS"] = {**limits.options("postgresql"), **asked_for}
    config["ASKED_FOR"] = asked_for
    config["TEST"] = {"CHARSET": "UTF8", "TEMPLATE": "template0"}
    return config
