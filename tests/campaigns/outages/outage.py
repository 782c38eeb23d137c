"""What an outage is, whatever breaks."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.campaigns.stack import Stack
from tests.campaigns.verdict import Word

USUAL_SECONDS = 30.0

# `run_worker` must first miss what is dead.
DEAD_WORKER_SECONDS = 120.0

# Some bookings expire in the middle of every outage.
PAYMENT_WINDOW_SECONDS = 15

Feel = Callable[[], None]

NO_DATABASE, NO_PROXY = "this database was not started for the rehearsal", "there is no proxy"


@dataclass(frozen=True)
class Outage:
    """
    What breaks, how soon all must be in step after the moment that `play` gives, and signs that it was real.

    An AssertionError of `play` says that it did not come about, or not as it should, so that it proves nothing.
    `felt_as`: how some request must have ended meanwhile. `serves`: others must have been answered. `seamless`:
    clients come through the proxy, and not one of them may be told to come again. `keyed`: the Flight Service
    knows keys.
    """

    name: str
    play: Callable[[Stack, Feel], float]
    limit_seconds: float = USUAL_SECONDS
    felt_as: Word | None = None
    serves: bool = True
    seamless: bool = False
    keyed: bool = True
