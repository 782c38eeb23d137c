"""
Whether the database's clock can be believed: judged by the monotonic clock of this process and by what others saw.

Knows no database. See Note [A clock that jumped], and "A database clock that jumped" in docs/protocol.md.
"""

# Note [A clock that jumped]
# Everything is judged on database time, and a database's clock can be wrong: a machine that starts with the
# wrong time, a failover, an operator. Most of what is done wrong then repairs itself when the clock is right again:
# keys protect what is sent twice. Four things cannot be taken back: a booking that expired, a key that was deleted,
# a reservation that was given up, a lease of an unkeyed flight that was ended while its holder was sending. So each
# reading is compared with an earlier one and the monotonic time between the two. One that does not fit puts the
# clock in doubt, and none of these four is done. The clock is believed again as soon as it fits what it was before
# the jump, or when it has kept its new course for long enough, or when another process or a person vouches for it.
# After a failover some threads still read from the old server, whose clock may be right. Their readings end the
# doubt for them, and not for a thread that has read from the new server. So each thread is judged by its own last
# reading.

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from bookings.conf import CLOCK_TOLERANCE, clock_proof_seconds, longest_silence
from bookings.observability import metrics

log = structlog.get_logger(__name__)

# How old the reading gets that others are compared with: a clock that runs a tenth too fast is noticed as well.
ANCHOR_SECONDS = 60.0

# A reading that took longer says too little to compare others with.
SLOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the database's clock showed at some moment between two of this machine's monotonic clock."""

    at: datetime
    before: float
    after: float

    def off(self, since: "Reading") -> timedelta:
        """How far the clock is ahead of what it must show after the earlier reading; below zero it is behind."""
        moved = self.at - since.at
        least = timedelta(seconds=self.before - since.after)
        most = timedelta(seconds=self.after - since.before)
        return moved - most if moved > most else min(timedelta(0), moved - least)

    def fits(self, since: "Reading") -> bool:
        return abs(self.off(since)) <= CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Proof:
    """A reading that some process has believed: by its own monotonic clock, which all of one boot share."""

    at: datetime
    boot: str
    monotonic: float


class ClockWatch:
    """What one process knows of the database's clock. Threads share it."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._lock = threading.Lock()
        self._first: Reading | None = None
        # What others are compared with, and whether it is believed itself: the first of a process proves nothing.
        self._anchor: Reading | None = None
        self._vouched = False
        # The first one after a jump, and the last one of each thread.
        self._doubted: Reading | None = None
        self._mine = threading.local()

    def note(self, reading: Reading) -> None:
        """Compare a reading with those before, and say so once if the clock has jumped, or is back."""
        metrics.CLOCK_OFF.set(abs((reading.at - datetime.now(UTC)).total_seconds()))
        self._mine.last = reading
        with self._lock:
            if self._anchor is None:
                self._first = self._anchor = reading
            elif reading.fits(self._anchor):
                self._go_on(reading)
            elif self._doubted is None or not reading.fits(self._doubted):
                self._doubted = reading
                metrics.CLOCK_JUMPS.inc()
                log.error("clock.jumped", reason=f"by {reading.off(self._anchor).total_seconds():.0f} s")
            elif reading.before - self._doubted.after >= clock_proof_seconds():
                self._believe(reading, "it has stood for long enough")
            metrics.CLOCK_DOUBTED.set(0 if self._doubted is None else 1)

    def has_jumped(self) -> bool:
        """Whether this process saw it jump, and does not believe it yet."""
        return self._doubted is not None

    def is_believed(self) -> bool:
        """Whether what this thread has read last is believed, by what this process alone has seen."""
        return self._vouched and self._doubted is None and self._is_on_course(self._last)

    def weigh(self, proof: Proof | None) -> bool:
        """
        Tell whether what this thread has read last is believed, with the last proof that some process has left.

        None if there never was one.

        A process that has just begun believes a clock that fits the proof: exactly if it is of the same boot, and
        else if it is hardly older than a pass. So does one that saw a jump, if the proof came after it.
        """
        with self._lock:
            last = self._last
            if last is None or (self._doubted is None and not self._is_on_course(last)):
                return False
            if self._vouched and self._doubted is None:
                return True
            if self._doubted is None:
                believed = proof is None or self._fits(last, proof) or self._stands_since(self._first)
            else:
                believed = proof is not None and proof.at >= self._doubted.at and self._fits(last, proof)
            if believed:
                self._believe(last, "" if self._doubted is None else "another process vouches for it")
            return believed

    def proof(self) -> Proof | None:
        """Give what others may rely on; None if there is nothing yet. Ask only where the clock is believed."""
        last = self._last
        return None if last is None else Proof(last.at, self._boot, (last.before + last.after) / 2)

    @property
    def _last(self) -> Reading | None:
        last: Reading | None = getattr(self._mine, "last", None)
        return last

    def _is_on_course(self, reading: Reading | None) -> bool:
        anchor = self._anchor
        return reading is not None and anchor is not None and reading.fits(anchor)

    def _fits(self, last: Reading, proof: Proof) -> bool:
        if self._boot and proof.boot == self._boot:
            return last.fits(Reading(proof.at, proof.monotonic, proof.monotonic))
        return -CLOCK_TOLERANCE <= last.at - proof.at <= longest_silence()

    def _stands_since(self, reading: Reading | None) -> bool:
        last = self._last
        return bool(reading and last and last.before - reading.after >= clock_proof_seconds())

    def _go_on(self, reading: Reading) -> None:
        if self._doubted is not None and self._anchor is not None:
            log.warning("clock.believed", reason="it is back")
            self._doubted = None
        is_sharp = reading.after - reading.before < SLOW_SECONDS
        if self._anchor is None or (is_sharp and reading.before - self._anchor.after > ANCHOR_SECONDS):
            self._anchor = reading

    def _believe(self, reading: Reading, why: str) -> None:
        self._anchor, self._doubted, self._vouched = reading, None, True
        metrics.CLOCK_DOUBTED.set(0)
        if why:
            log.warning("clock.believed", reason=why)
