"""Checks of the worker, and of servers without which the service works for a while."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from bookings.conf import longest_silence
from bookings.db.clock import database_time
from bookings.db.replica import REPLICA
from bookings.diagnostics.connections import encryption
from bookings.diagnostics.database import TLS_OPTIONS
from bookings.diagnostics.finding import Finding, Verdict, fail, in_one_line, ok, warn
from bookings.gateways.diagnostic_probes import Unreachable
from bookings.models import Heartbeat
from bookings.queries.upkeep import background
from bookings.services.upkeep.pause_schedules import NEVER
from bookings.services.upkeep.start_schedules import is_misplaced, missing_schedules

# A pass is one entry every few seconds, and is taken out at once.
LONG_QUEUE = 20

BY_A_WORKER = "A worker puts that right within seconds: if it stays, none runs; start `manage.py run_worker`"


def check_queue() -> Iterator[Finding]:
    """
    Look whether the passes are paused, and what is queued.

    :raises DatabaseError: if the database does not answer any more
    """
    if background.passes_are_paused():
        yield warn(
            "passes",
            "paused by staff: nothing expires, no seats go back",
            "Resume it in the back office, under Scheduled tasks.",
        )
    waiting = OrmQ.objects.count()
    found = f"{waiting} waiting"
    if waiting > LONG_QUEUE:
        hint = "The worker does not keep up or is away: read its log. What waits is done once it is back."
        yield fail("queue", found, hint)
    else:
        yield ok("queue", found)
    locked = background.misplaced_tasks(database_time()).count()
    if locked:
        found = f"{locked} tasks are locked for longer than any worker locks one: a machine's clock was ahead"
        yield fail("queue", found, f"{BY_A_WORKER}; let every machine keep time by NTP.")


def check_schedules() -> Iterator[Finding]:
    """
    Look whether each schedule is there, and when it comes next.

    :raises DatabaseError: if the database does not answer any more
    """
    now, sound = database_time(), True
    for row in Schedule.objects.exclude(repeats=NEVER).order_by("pk"):
        try:
            ahead = is_misplaced(row, now)
        except ValueError as error:
            sound = False
            yield fail("schedules", f"{row.name!r} cannot be read: {in_one_line(error)}", "Delete it.")
            continue
        if ahead:
            sound = False
            found = f"{row.name!r} comes next at {row.next_run:%Y-%m-%d %H:%M:%S}, further ahead than its interval"
            yield fail("schedules", f"{found}: a machine's clock was ahead", f"{BY_A_WORKER}.")
    missing = ", ".join(missing_schedules())
    if sound:
        yield ok("schedules", f"a worker makes again: {missing}" if missing else "each is there, and comes in time")


def check_redis() -> Finding:
    """Ask the Redis of REDIS_URL, if there is one."""
    if not settings.REDIS_URL:
        return ok("Redis", "none: the database counts requests")
    try:
        # By its name, as in `wiring.rate_limiter`.
        redis_version = import_string("bookings.gateways.redis_probe.redis_version")
        return ok("Redis", f"answers, version {redis_version(settings.REDIS_URL)}")
    except Unreachable as error:
        return warn(
            "Redis",
            f"no answer ({error}); the database counts requests meanwhile",
            "Is it up, and are host, port and password of REDIS_URL right?",
        )


def check_replica() -> Iterator[Finding]:
    """Read from the replica, where a setting names one, and see how far behind it is."""
    if REPLICA not in connections:
        return
    try:
        with connections[REPLICA].cursor() as cursor:
            cursor.execute("SELECT @@read_only")
            (read_only,) = cursor.fetchone()
            cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
            (_name, cipher) = cursor.fetchone() or ("", "")
        there = Heartbeat.objects.using(REPLICA).filter(name=background.PASSES_HEARTBEAT).first()
    except DatabaseError as error:
        yield warn("replica", in_one_line(error), "Lists are read from the primary meanwhile; repair the replica.")
        return
    for each in encryption(cipher, host=connections[REPLICA].settings_dict["HOST"], options=TLS_OPTIONS):
        if each.verdict is not Verdict.OK:
            yield warn("replica", each.message, each.hint.replace("DATABASE_URL", "DATABASE_REPLICA_URL"))
    if not read_only:
        yield warn("replica", "it can be written to", "SET GLOBAL read_only=ON there: one stray write parts the two.")
    newest = background.last_pass_finished_at()
    if newest is not None and (there is None or newest - there.finished_at > longest_silence()):
        last = "no pass at all" if there is None else f"a pass of {there.finished_at:%Y-%m-%d %H:%M:%S}"
        found = f"it shows {last} as the worker's last, the primary one of {newest:%H:%M:%S}"
        yield warn("replica", found, "See SHOW REPLICA STATUS there: both threads must run.")
    elif read_only:
        yield ok("replica", "answers, read-only, keeps up")
