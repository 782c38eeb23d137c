"""Reads where the database and its replica are, and adds what each kind needs to be safe here."""

import sys
import warnings
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from bookingsite.env import BASE_DIR, env


def database() -> dict[str, Any]:
    """
    Read DATABASE_URL, and add what each kind of database needs to be safe here.

    :raises ImproperlyConfigured: if it is neither sqlite nor mysql
    """
    config = _address_of("DATABASE_URL")
    if config is None:
        config = env.db_url_config(f"sqlite:///{BASE_DIR}/var/bookings.sqlite3")
    engine = config.get("ENGINE", "").rsplit(".", 1)[-1]
    if engine == "sqlite3":
        return _sqlite(config)
    if engine == "mysql":
        return _mysql(config)
    raise ImproperlyConfigured(
        "DATABASE_URL must start with sqlite:/// or mysql://, as in mysql://user:password@host:3306/name."
    )


def replica(*, of: dict[str, Any]) -> dict[str, Any] | None:
    """
    Read DATABASE_REPLICA_URL: a copy of the database, to read lists from; None without one.

    After a failover it may name what is the primary now: then there is no replica, and a warning says so.

    :raises ImproperlyConfigured: unless both of them are mysql
    """
    config = _address_of("DATABASE_REPLICA_URL")
    if config is None:
        return None
    is_whole = config.get("HOST") and config.get("NAME")
    if not is_whole or not all(each.get("ENGINE", "").endswith(".mysql") for each in (config, of)):
        # It may have a password, so it is not shown.
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL must look like mysql://user:password@host:3306/name, and DATABASE_URL too; or "
            "leave it away."
        )
    if _place(config) == _place(of):
        sys.stderr.write("warning: DATABASE_REPLICA_URL names the database of DATABASE_URL, so it is not used.\n")
        return None
    config = _mysql(config)
    # Nobody waits long for what the primary can tell as well, and nothing is written there.
    config["OPTIONS"] |= {"connect_timeout": 1, "read_timeout": 5}
    config["OPTIONS"]["init_command"] += ", tx_read_only=1"
    # The look whether it is up to date comes first each time, and finds a dead connection too.
    config["CONN_HEALTH_CHECKS"] = False
    config["TEST"] = {"MIRROR": "default"}
    return config


def _address_of(name: str) -> dict[str, Any] | None:
    """
    Take an address apart; None if the setting is empty.

    :raises ImproperlyConfigured: if it is none
    """
    if not env.str(name, default=""):
        return None
    try:
        with warnings.catch_warnings():
            # What it warns of an address that it does not know shows the password.
            warnings.simplefilter("ignore")
            config: dict[str, Any] = env.db(name)
    except (ValueError, ImproperlyConfigured):
        # Nor is it shown here, or as the cause.
        raise ImproperlyConfigured(f"{name} must look like mysql://user:password@host:3306/name.") from None
    return config


def _place(config: dict[str, Any]) -> tuple[str, int, str]:
    return config["HOST"], config["PORT"] or 3306, config["NAME"]


def _sqlite(config: dict[str, Any]) -> dict[str, Any]:
    file = config["NAME"]
    if file != ":memory:":
        config["NAME"] = str(BASE_DIR / file)
        Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True)
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


def _mysql(config: dict[str, Any]) -> dict[str, Any]:
    config["OPTIONS"] = {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        # Without +00:00 the server's local time zone decides when a payment window closes. Fifty seconds,
        # the default, is too long to wait for a lock.
        "init_command": "SET time_zone='+00:00', innodb_lock_wait_timeout=5",
        "connect_timeout": 5,
    }
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    # Binary-safe names and emoji in notes, whatever the server's own default is.
    config["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    return config
