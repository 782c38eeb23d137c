"""
Send what is due to those who are told by webhook.

One thread has the database; it claims lanes, hands letters to senders, and records how each sending ended. Senders know
nothing but a letter. See Note [An endpoint that fails is rested] in `bookings.services.webhooks.claim`.
"""

import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import InterfaceError, OperationalError

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.observability import metrics
from bookings.ports import NotSent, Unknown
from bookings.ports.webhooks import Accepted, NotAllowed, SendOutcome, TurnedDown, Webhooks
from bookings.queries.webhooks import due_lanes
from bookings.services.shared.sealing import Seal
from bookings.services.webhooks.claim import Claim, Claimed, claim_lane, let_rest
from bookings.services.webhooks.record import Sent, record
from bookings.services.webhooks.rules import (
    BEGINS_FOR_SECONDS,
    FAILURES_BEFORE_REST,
    GONE,
    SEND_SECONDS,
    SENDERS,
    SENDERS_FOR_WIDE_LANES,
    width_after,
)

log = structlog.get_logger(__name__)

# Between two looks for what is due, and the longest wait for a sender: what is new leaves within this.
LOOK_EVERY_SECONDS = 0.25

WORDS: Mapping[type, str] = {
    Accepted: "accepted",
    TurnedDown: "turned_down",
    NotAllowed: "not_allowed",
    NotSent: "not_sent",
    Unknown: "unknown",
}

# So many sendings are recorded together, if they come within a moment.
RECORDED_TOGETHER = 25


def deliver(
    *, webhooks: Webhooks, seal: Seal, deadline: Deadline, at_deadline: Callable[[], object] = lambda: None
) -> int:
    """
    Send what is due until nothing is, or the time is up; return how many were delivered.

    Safe to run beside itself: each lane belongs to one process. What it has begun it waits for, ten seconds at most.

    :param at_deadline: called once when the time is up, and nothing is begun any more
    """
    with ThreadPoolExecutor(max_workers=SENDERS, thread_name_prefix="webhook") as senders:
        return _Pump(webhooks, seal, senders).run(deadline, at_deadline)


class _Lane:
    """What one process sends to one endpoint: a claim, how far it is, and how many sendings run at once."""

    def __init__(self, claim: Claim) -> None:
        self.endpoint_id, self.lease = claim.endpoint_id, claim.lease
        self.ended: list[Sent] = []
        self._waiting = deque(claim.claimed)
        self._sending: dict[int, int | None] = {}
        self._width, self._failures = 1, claim.failures
        self._stopped = False
        self._begins_for = Deadline(BEGINS_FOR_SECONDS)

    def next_letter(self, *, busy: int) -> Claimed | None:
        """Take what is to be sent now, if anything is: two letters of one booking are never sent at once."""
        if self._is_stopped or (
            self._sending and (len(self._sending) >= self._width or busy >= SENDERS_FOR_WIDE_LANES)
        ):
            return None
        bookings = set(self._sending.values()) - {None}
        for at, claimed in enumerate(self._waiting):
            if claimed.booking_id not in bookings:
                del self._waiting[at]
                self._sending[claimed.delivery_id] = claimed.booking_id
                return claimed
        return None

    def end(self, sent: Sent) -> None:
        """Note how a sending ended."""
        succeeded = isinstance(sent.outcome, Accepted)
        del self._sending[sent.delivery_id]
        self.ended.append(sent)
        self._width = width_after(self._width, succeeded=succeeded)
        self._failures = 0 if succeeded else self._failures + 1
        is_gone = isinstance(sent.outcome, TurnedDown) and sent.outcome.status == GONE
        self._stopped |= is_gone or self._failures >= FAILURES_BEFORE_REST

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent any more of this claim."""
        return not self._sending and (self._is_stopped or not self._waiting)

    def unsent(self) -> list[int]:
        """Give what was claimed and not sent, once it is over."""
        return [each.delivery_id for each in self._waiting]

    @property
    def _is_stopped(self) -> bool:
        return self._stopped or not self._begins_for


class _Pump:
    """All lanes of one process, and its senders."""

    def __init__(self, webhooks: Webhooks, seal: Seal, senders: ThreadPoolExecutor) -> None:
        self._webhooks, self._seal, self._senders = webhooks, seal, senders
        self._lanes: dict[int, _Lane] = {}
        self._ended: queue.SimpleQueue[tuple[_Lane, Sent]] = queue.SimpleQueue()
        self._busy = self._delivered = 0
        self._look_at = 0.0

    def run(self, deadline: Deadline, at_deadline: Callable[[], object]) -> int:
        """Send until nothing is due, or the time is up and what was begun has ended."""
        is_up = False
        while True:
            if not deadline and not is_up:
                is_up = True
                for lane in self._lanes.values():
                    lane.stop()
                at_deadline()
            if not is_up and time.monotonic() >= self._look_at:
                self._claim()
            if not self._lanes:
                return self._delivered
            self._begin()
            self._collect()
            self._record()

    def _claim(self) -> None:
        """Take as many lanes as there are senders."""
        self._look_at = time.monotonic() + LOOK_EVERY_SECONDS
        for endpoint_id in due_lanes(database_time(), but=self._lanes)[: SENDERS - len(self._lanes)]:
            try:
                claim = claim_lane(endpoint_id, lease=uuid.uuid4(), seal=self._seal)
            except (OperationalError, InterfaceError):
                raise  # the database's fault, and no endpoint's
            except Exception:
                log.exception("webhook.claim_failed", item=f"webhook_endpoint {endpoint_id}")
                let_rest(endpoint_id)
                continue
            if claim is not None:
                self._lanes[endpoint_id] = _Lane(claim)

    def _begin(self) -> None:
        """Hand letters to senders, one of each lane in turn."""
        lanes = deque(self._lanes.values())
        while lanes and self._busy < SENDERS:
            lane = lanes.popleft()
            if (claimed := lane.next_letter(busy=self._busy)) is not None:
                self._busy += 1
                self._senders.submit(self._send, lane, claimed)
                lanes.append(lane)

    def _send(self, lane: _Lane, claimed: Claimed) -> None:
        """Send one letter; in a sender's thread, which has no database."""
        began = time.monotonic()
        try:
            outcome: SendOutcome = self._webhooks.send(claimed.letter, seconds=SEND_SECONDS)
        except Exception:
            log.exception("webhook.send_failed", item=f"webhook_delivery {claimed.delivery_id}")
            outcome = NotSent("internal error")
        seconds = time.monotonic() - began
        metrics.WEBHOOK_SENDS.labels(WORDS[type(outcome)]).inc()
        metrics.WEBHOOK_SEND_SECONDS.observe(seconds)
        self._ended.put((lane, Sent(claimed.delivery_id, outcome, int(seconds * 1000))))

    def _collect(self) -> None:
        """Wait a moment for sendings to end, and note all that have."""
        timeout = LOOK_EVERY_SECONDS if self._busy else 0.0
        try:
            while True:
                lane, sent = self._ended.get(timeout=timeout)
                self._busy -= 1
                self._delivered += isinstance(sent.outcome, Accepted)
                lane.end(sent)
                timeout = 0.0
        except queue.Empty:
            return

    def _record(self) -> None:
        """Record lanes that are over, and those of which much has ended."""
        for endpoint_id, lane in list(self._lanes.items()):
            if lane.is_over or len(lane.ended) >= RECORDED_TOGETHER:
                sent, lane.ended = lane.ended, []
                unsent = lane.unsent() if lane.is_over else []
                record(endpoint_id, sent, lease=lane.lease, unsent=unsent, is_over=lane.is_over)
            if lane.is_over:
                del self._lanes[endpoint_id]
                self._look_at = 0.0
