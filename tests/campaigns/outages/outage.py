"""What an outage is, whatever breaks."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.campaigns.verdict import Word
from tests.rehearsal.stack import Stack

USUAL_SECONDS = 30.0

Feel = Callable[[], None]


class NotPlayed(Exception):
    """The outage did not come about, so it proves nothing."""


@dataclass(frozen=True)
class Outage:
    """
    What breaks, how soon all must be in step after the moment that `play` gives, and signs that it was real.

    `felt_as`: how some request must have ended meanwhile. `serves`: others must have been answered. `seamless`:
    clients come through the proxy, and not one of them may be told to come again. `keyed`: the Flight Service
    honours keys.
    """

    name: str
    play: Callable[[Stack, Feel], float]
    limit_seconds: float = USUAL_SECONDS
    felt_as: Word | None = None
    serves: bool = True
    seamless: bool = False
    keyed: bool = True
