"""Texts that nobody else writes, looked for in what must not have them, and a client that sends anything."""

import base64
import json
import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPMessage
from typing import Any

import MySQLdb
import requests
from django.core.exceptions import SuspiciousOperation
from django.db import DataError, IntegrityError, OperationalError, connection
from requests.exceptions import InvalidURL
from rest_framework.exceptions import ValidationError

from devtools.processes import HOST

# The row is there, and the database says no, with the text in its message as it has in "Duplicate entry '…'".
QUOTING = """
    CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW BEGIN
        DECLARE number INT DEFAULT {number};
        DECLARE quoted VARCHAR(120) DEFAULT LEFT(CONCAT("Duplicate entry '", {text}, "' for key 'k'"), 120);
        IF {condition} THEN SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = number, MESSAGE_TEXT = quoted; END IF;
    END"""

ANSWER_SECONDS = 30
# A worker starts in seconds, and django-q2 waits for a while after an error.
LETTERS = string.ascii_letters + string.digits


class Canaries:
    """Calling it makes a new canary; `seen_in` names those that stand in a text, however they are spelled."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __call__(self, where: str) -> str:
        return self.add(where, f"canary{secrets.token_hex(8)}")

    def secret(self, where: str, length: int) -> str:
        return self.add(where, "".join(secrets.choice(LETTERS) for _ in range(length)))

    def add(self, where: str, value: str) -> str:
        """Look for a value that somebody else has made."""
        assert where not in self._values, f"two canaries are called {where}"
        self._values[where] = value
        return value

    def encoded(self, where: str, text: str) -> str:
        """Look for a text, and for its Base64, which is given."""
        self.add(where, text)
        return self.add(f"{where} (encoded)", base64.b64encode(text.encode()).decode())

    def value_of(self, where: str) -> str:
        return self._values[where]

    def seen_in(self, text: str) -> list[str]:
        """Name what stands in the text; names of hosts and headers change their case on the way."""
        small = text.lower()
        return sorted(where for where, value in self._values.items() if value.lower() in small)


def send(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, Any] | None = None
) -> tuple[int, HTTPMessage, bytes]:
    """Send one request as it is: nothing is encoded, completed or forbidden. Status 0 is no answer."""
    peer = HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    sent = dict(headers or {})
    try:
        peer._validate_path = lambda _path: None  # type: ignore[method-assign]  # bytes of any kind
        peer.putrequest(method, path, skip_host="Host" in sent, skip_accept_encoding=True)
        if body is not None and "Transfer-Encoding" not in sent:
            sent.setdefault("Content-Length", str(len(body)))
        for name, value in sent.items():
            peer.putheader(name, value)
        peer.endheaders(body)
        answer = peer.getresponse()
        return answer.status, answer.headers, answer.read()
    except OSError:
        return 0, HTTPMessage(), b""
    finally:
        peer.close()


@contextmanager
def database_that_quotes(name: str, table: str, **how: Any) -> Iterator[None]:
    """Let the database refuse rows of a table with a message that quotes, for the length of the block."""
    with connection.cursor() as cursor:
        cursor.execute(QUOTING.format(name=name, table=table, **how))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {name}")


def errors_that_quote(text: str) -> list[Exception]:
    """Give exceptions of many kinds with the text in their messages."""
    duplicate = f"Duplicate entry '{text}' for key 'booking.reference'"
    with_a_note = RuntimeError("no")
    with_a_note.add_note(text)
    return [
        *(kind(1062, duplicate) for kind in (IntegrityError, DataError, OperationalError, MySQLdb.IntegrityError)),
        *(kind(text) for kind in (ValueError, KeyError, TypeError, OSError, RuntimeError, SuspiciousOperation)),
        *(kind(f"http://{text}/api") for kind in (requests.ConnectionError, requests.Timeout, InvalidURL)),
        json.JSONDecodeError(text, text, 0),
        UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
        ValidationError({text: [text]}),
        ExceptionGroup(text, [ValueError(text), ExceptionGroup(text, [KeyError(text)])]),
        with_a_note,
    ]


def caught(error: Exception, text: str) -> BaseException:
    """Give the error as it is where it is caught: with frames that have the text, and raised from another."""
    local = {"token": text}
    try:
        try:
            raise LookupError(local["token"])
        except LookupError as cause:
            raise error from cause
    except type(error) as raised:
        return raised
    raise AssertionError("unreachable")
