"""
A Flight Service that hangs while a crowd comes through the proxy: more clients than threads may wait for it.

All of them must be answered by the service itself, and readers, payers and health checks must not notice.
"""

import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from tests.campaigns.doors import Doors, ThroughProxy
from tests.campaigns.outages.outage import NO_PROXY, Feel
from tests.campaigns.stack import Stack
from tests.campaigns.verdict import code_of
from tests.support.api import BOOKINGS, PAYMENTS

CROWD = 64

# Above the read limit of the service, which is 2 s.
HANGS_MS = 3_000

# A user each: what waits for the Flight Service is unpaid, and counts for its user's cap.
ORDERS = ({"flightId": 1, "userId": user, "noOfSeats": 1} for user in itertools.count(2_000_001))
# It is decided by the database, as any payment; none is found.
A_PAYMENT = {"bookingId": 2**40, "userId": 1001, "totalCost": 1}
OF_THE_SERVICE = {"service_busy", "flight_service_unavailable"}


def press(doors: Doors, feel: Feel) -> tuple[Counter[str], Counter[str]]:
    """
    Let clients ask for seats and come again at once, whatever they are told, for as long as `feel` takes.

    Gives what they were told, and what others were told who read or pay meanwhile. The proxy has codes of its own.
    """
    created, others, stopped, lock = Counter[str](), Counter[str](), Event(), Lock()

    def create() -> None:
        while not stopped.is_set():
            with lock:
                order = next(ORDERS)
            created[code_of(doors.ask("POST", BOOKINGS, order))] += 1

    def read() -> None:
        while not stopped.wait(0.1):
            others[code_of(doors.ask("GET", f"{BOOKINGS}?limit=5"))] += 1

    def pay() -> None:
        while not stopped.wait(0.1):
            others[code_of(doors.ask("POST", PAYMENTS, A_PAYMENT, key=f"none-{time.time_ns()}"))] += 1

    with ThreadPoolExecutor(CROWD + 2) as clients:
        for act in (*[create] * CROWD, read, pay):
            clients.submit(act)
        try:
            feel()
        finally:
            stopped.set()
    return created, others


def flight_service_hangs_under_a_crowd(stack: Stack, feel: Feel) -> float:
    """Let it hang: clients are told the service's own words, and the proxy never thinks that a web process is away."""
    assert stack.proxy is not None, NO_PROXY
    failed_checks = stack.proxy.times_said("is DOWN")
    stack.sim.faults(latency_ms=HANGS_MS)
    try:
        created, others = press(Doors([ThroughProxy(stack.proxy.port)]), feel)
    finally:
        stack.sim.faults()
    is_well = {*created} <= {"201", *OF_THE_SERVICE} and {*created} & OF_THE_SERVICE
    told = f"who asked for seats was told {dict(created)}, others {dict(others)}"
    assert is_well, told
    assert {*others} == {"200", "booking_not_found"}, told
    assert stack.proxy.times_said("is DOWN") == failed_checks, f"a web process is out: {stack.proxy.printed(last=500)}"
    return time.monotonic()
