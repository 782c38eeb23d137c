"""How django-q2 runs the background work, and why."""

import multiprocessing
import sys
from typing import Any

# It makes a queue as soon as it is loaded, which every command does. From Python 3.14 on that would start a process
# beside each, unless this is said before.
if sys.platform == "linux":
    multiprocessing.set_start_method("fork", force=True)

CLUSTER: dict[str, Any] = {
    "name": "bookings",
    "label": "Background work",
    "orm": "default",
    "broker_class": "bookingsite.broker.TickingBroker",
    # Its own scheduler goes by the clock of this machine; the broker's goes by the database's.
    "scheduler": False,
    # A small prefetch: it stops fast, and `retry` counts from the prefetch.
    # Two may wait for receivers of webhooks, and one for a mail server that hangs: one is left for the passes. What
    # runs once an hour comes in between, for some seconds.
    "workers": 4,
    "queue_limit": 2,
    "bulk": 1,
    "poll": 0.5,
    "guard_cycle": 1,
    # Never fires, as calls are bounded; `retry` is more than two of them and a margin.
    "timeout": 60,
    "retry": 300,
    # Our own tables decide what is tried again.
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "time_zone": "UTC",
    "save_limit": 200,
    "save_limit_per": "func",
    # One that has grown is replaced. Not for its age: each leaves the files of what it has counted, see
    # `bookings.observability.metrics.SharedNumbers`.
    "max_rss": 300_000,
    "recycle": 50_000,
    "cache": "cluster",
}
