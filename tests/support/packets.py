"""Writes down what is sent to the database server: one text for each packet that a client waits for."""

from typing import Any

from django.db import connection
from MySQLdb import _mysql
from MySQLdb.connections import Connection
from psycopg.client_cursor import ClientCursorMixin

from bookingsite.postgresql import base as postgresql

Packets = list[str]


def packets_of(monkeypatch: Any) -> Packets:
    """Note each packet of this process from now on, on connections that are open as well."""
    sent: Packets = []
    (_of_mysql if connection.vendor == "mysql" else _of_postgresql)(monkeypatch, sent)
    return sent


def _of_postgresql(monkeypatch: Any, sent: Packets) -> None:
    send, command = ClientCursorMixin._execute_send, postgresql.Connection._exec_command
    answers = postgresql.Connection.answers_to

    def note_and_send(self: Any, query: Any, **options: Any) -> Any:
        sent.append(query.query.decode(errors="replace"))
        return send(self, query, **options)

    def note_and_command(self: Any, text: Any, **options: Any) -> Any:
        sent.append(text.decode())
        return command(self, text, **options)

    def note_and_ask(self: Any, packet: bytes) -> Any:
        sent.append(packet.decode(errors="replace"))
        return answers(self, packet)

    monkeypatch.setattr(postgresql.Connection, "answers_to", note_and_ask)
    monkeypatch.setattr(ClientCursorMixin, "_execute_send", note_and_send)
    monkeypatch.setattr(postgresql.Connection, "_exec_command", note_and_command)


def _of_mysql(monkeypatch: Any, sent: Packets) -> None:
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
