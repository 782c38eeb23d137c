"""Looks up names in a given time. The system's own look-up has no limit, so it has a thread that may outlast it."""

import socket
import threading

from bookings.ports.webhooks import NameUnknown

# Look-ups that no one waits for any more, at most: where name servers do not answer, each lasts half a minute.
LOOK_UPS_AT_ONCE = 64


class Names:
    """Looks up the addresses of a name, as the machine does it."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(LOOK_UPS_AT_ONCE)

    def addresses(self, host: str, port: int, *, seconds: float) -> tuple[str, ...]:
        """
        Look up all IP addresses of a name, in the order in which to try them.

        :raises NameUnknown: if there is none, or not in time
        """
        if not self._places.acquire(blocking=False):
            raise NameUnknown("name servers do not answer")
        found: list[str] = []
        thread = threading.Thread(target=self._look_up, args=(host, port, found), daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise NameUnknown("name servers do not answer")
        if not found:
            raise NameUnknown("no such host")
        return tuple(found)

    def _look_up(self, host: str, port: int, found: list[str]) -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except (OSError, UnicodeError):  # none is found
            return
        finally:
            self._places.release()
