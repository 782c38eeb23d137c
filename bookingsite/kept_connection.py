"""
What our backends for servers have in common: when a thread keeps its connection, and when it lets go of it.

- A connection whose server has died, or accepts no writes any more, is closed as soon as the server says so, whether a
  service, a page or the queue asked. Django would ask whether it still answers, and a demoted server does.
- While the server hangs, a thread that needs a new connection is refused at once, except one each second.
- A connection is looked at before it is used again, but not for every request.

It repeats nothing: that is for `bookings.db.transactions`.
"""

import contextlib
import select
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS
from django.db.utils import DatabaseErrorWrapper

from bookings.db.error_numbers import UNANSWERED, number_of
from bookings.db.hang import SHORTEST_HANG_SECONDS, hang

# A connection that was looked at so recently is used without asking its server again. A server that was demoted
# meanwhile says so to the first write; reads may come from it for so long.
LOOK_EVERY_SECONDS = 1.0


class Errors(DatabaseErrorWrapper):
    """Turns the library's errors into Django's, and closes the connection after those that end it."""

    def __init__(self, wrapper: "KeptConnection") -> None:
        super().__init__(wrapper)
        self._wrapper = wrapper
        # Calls nest: a cursor connects first.
        self._begun: list[float] = []

    def __enter__(self) -> None:
        self._begun.append(time.monotonic())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._begun.pop()
        if error is None:
            return
        self._wrapper.judge(error, after_seconds=seconds)
        super().__exit__(kind, error, trace)


if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper as Base
else:
    Base = object


class KeptConnection(Base):
    """One thread's connection; put before the class of Django's backend."""

    _is_leaving = False
    # Django's: whether this request has looked at the connection.
    health_check_done: bool
    # Of each backend: the library.
    Database: Any

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        self._looked_at = 0.0
        # Replaces Django's cached property of this name.
        self.wrap_database_errors = Errors(self)

    def judge(self, error: BaseException, *, after_seconds: float) -> None:
        """
        Look at what the library has raised: `leave` if that ends the connection. Raises what Django would not.

        To be said by each backend.
        """
        raise NotImplementedError

    def takes_writes(self) -> bool:
        """
        Ask the server whether a session that is open still answers, and may write.

        To be said by each backend.

        :raises Exception: the library's
        """
        raise NotImplementedError

    def connect(self) -> None:
        super().connect()
        self._looked_at = time.monotonic()

    def ensure_connection(self) -> None:
        # The framework asks each time whether this is an event loop; a thread of ours never is.
        if self.connection is None:
            super().ensure_connection()

    def close_if_health_check_failed(self) -> None:
        """Look at a connection before it is used again: once a second, and when its socket has something to say."""
        if self.health_check_done:
            return
        if self._was_looked_at():
            self.health_check_done = True
        super().close_if_health_check_failed()

    def _was_looked_at(self) -> bool:
        """
        Tell whether a look a moment ago will do.

        A server says next to nothing by itself, so a socket with something to read was closed at the other end.
        """
        if self.connection is None or (self._fails_fast and hang.is_on()):
            return False
        if time.monotonic() - self._looked_at >= LOOK_EVERY_SECONDS:
            return False
        at_socket = select.poll()
        try:
            at_socket.register(self.connection.fileno(), select.POLLIN)
        except self.Database.Error:  # closed at this end
            return False
        return not at_socket.poll(0)

    def is_usable(self) -> bool:
        """Ask the server, before a connection that was kept is used again, whether it still takes writes."""
        if self.alias != DEFAULT_DB_ALIAS:
            return super().is_usable()
        if self._fails_fast and hang.is_on():
            return False
        self._looked_at = began = time.monotonic()
        try:
            return self.takes_writes()
        except self.Database.Error as error:
            self._note_hang(error, seconds=time.monotonic() - began)
            return False

    def leave(self, error: BaseException, *, after_seconds: float) -> None:
        """
        Close the connection at once, inside a transaction too, whose end then does not open another one.

        Nothing is raised here: the server's error is raised next.
        """
        if self._is_leaving:
            return
        self._note_hang(error, seconds=after_seconds)
        self._is_leaving = True
        try:
            with contextlib.suppress(Exception):  # the socket may be dead in any way
                self.close()
        finally:
            self._is_leaving = False
        # Django opens a new one to end a transaction on, unless it is told that there is nothing to end.
        self.closed_in_transaction = True

    @property
    def _fails_fast(self) -> bool:
        return bool(self.settings_dict.get("FAILS_FAST"))

    def _note_hang(self, error: BaseException, *, seconds: float) -> None:
        if self._fails_fast and number_of(error) in UNANSWERED and seconds >= SHORTEST_HANG_SECONDS:
            hang.begin()
