"""Writes down what is sent to MariaDB: one text for each packet that a client waits for."""

from typing import Any

from MySQLdb import _mysql
from MySQLdb.connections import Connection

Packets = list[str]


def packets_of(monkeypatch: Any) -> Packets:
    """Note each packet of this process from now on, on connections that are open as well."""
    sent: Packets = []

    def query(self: Connection, packet: bytes | str) -> None:
        sent.append(packet if isinstance(packet, str) else packet.decode(errors="replace"))
        _mysql.connection.query(self, packet)

    monkeypatch.setattr(Connection, "query", query)
    for name in ("commit", "rollback", "ping", "select_db"):
        library = getattr(_mysql.connection, name)

        def other(self: Connection, *args: Any, _library: Any = library, _name: str = name) -> Any:
            sent.append(_name.upper())
            return _library(self, *args)

        monkeypatch.setattr(Connection, name, other, raising=False)
    switch = Connection.autocommit

    def autocommit(self: Connection, on: bool) -> None:
        if self.get_autocommit() != on:
            sent.append(f"SET autocommit={on:d}")
        switch(self, on)

    monkeypatch.setattr(Connection, "autocommit", autocommit)
    return sent
