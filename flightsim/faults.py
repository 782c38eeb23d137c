"""Faults on demand: which requests fail, and how."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum

# Longer than every time limit of a sane client; a larger value is a slip of the keyboard.
MAX_LATENCY_MS = 600_000

FAULTS_ON = ("both", "get", "patch")


class InvalidFaults(Exception):
    """The faults asked for make no sense."""


class Fault(Enum):
    """What goes wrong with one request."""

    FAIL = "500, nothing decided"
    UNAVAILABLE = "503, nothing decided"
    DROP_REPLY = "decided, then hung up without an answer"
    DROP_REQUEST = "hung up, nothing decided"
    HANG = "nothing decided, never answered"
    GARBAGE = "decided, then answered 200 with what is no answer"
    INFORMATIONAL = "decided, then answered after informational answers"
    DRIP = "decided, then answered a byte at a time"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """
    Shares of requests, from 0 to 1, that meet each fault; together at most 1.

    `times` bounds how many faults there will be in all (None: no bound; latency is no fault in this sense).
    `faults_on` keeps everything, latency included, to one method. The flight `unusable_flight` is shown in a way
    that cannot be sold, whatever the die says (0: none).

    :raises InvalidFaults: if a value is out of range
    """

    latency_ms: int = 0
    fail_rate: float = 0.0
    drop_reply_rate: float = 0.0
    drop_request_rate: float = 0.0
    hang_rate: float = 0.0
    garbage_rate: float = 0.0
    informational_rate: float = 0.0
    drip_rate: float = 0.0
    unusable_flight: int = 0
    faults_on: str = "both"
    times: int | None = None

    def __post_init__(self) -> None:
        rates = [rate for _, rate in self.thresholds()]
        if not all(0 <= rate <= 1 for rate in rates):
            raise InvalidFaults("Every rate must be from 0 to 1")
        # A hair above 1, because 0.1 + 0.2 + 0.7 is.
        if sum(rates) > 1.000001:
            raise InvalidFaults("The rates must not add up to more than 1")
        if not 0 <= self.latency_ms <= MAX_LATENCY_MS:
            raise InvalidFaults(f"The latency must be from 0 to {MAX_LATENCY_MS} ms")
        if self.faults_on not in FAULTS_ON:
            raise InvalidFaults(f"faults_on must be one of {', '.join(FAULTS_ON)}")
        if self.times is not None and self.times < 0:
            raise InvalidFaults("times must not be negative")

    def thresholds(self) -> tuple[tuple[Fault, float], ...]:
        """Return each fault with its share, in the order in which one die decides among them."""
        return (
            (Fault.FAIL, self.fail_rate),
            (Fault.DROP_REPLY, self.drop_reply_rate),
            (Fault.DROP_REQUEST, self.drop_request_rate),
            (Fault.HANG, self.hang_rate),
            (Fault.GARBAGE, self.garbage_rate),
            (Fault.INFORMATIONAL, self.informational_rate),
            (Fault.DRIP, self.drip_rate),
        )


def plan_from_json(content: Mapping[str, object]) -> FaultPlan:
    """
    Read a plan; what is not named is off, so an empty object switches all faults off.

    :raises InvalidFaults: if a name is unknown, a type wrong or a value out of range
    """
    accepted: dict[str, tuple[type, ...]] = {
        each.name: (int, float) if each.name.endswith("_rate") else (int,) for each in fields(FaultPlan)
    }
    accepted["faults_on"] = (str,)
    values: dict[str, object] = {}
    for name, value in content.items():
        if name not in accepted:
            raise InvalidFaults(f"Unknown: {name}")
        # By exact type, because True is an int to isinstance.
        if type(value) not in accepted[name]:
            raise InvalidFaults(f"Wrong type: {name}")
        values[name] = value
    return FaultPlan(**values)  # type: ignore[arg-type]  # each was checked against its field just above


class Faults:
    """
    The die and the plan it is thrown for.

    One throw per request, whatever the rates: with the same seed, plan and order of requests, the same
    requests meet the same faults. Requests on several connections have no fixed order, so only a
    client that sends one after the other can repeat a run exactly.
    """

    def __init__(self, plan: FaultPlan, *, seed: int | None) -> None:
        self._die = random.Random()  # guards nothing; must be repeatable  # noqa: S311  # nosec B311
        self.change(plan, seed=seed)

    def change(self, plan: FaultPlan, *, seed: int | None = None) -> None:
        """Follow another plan from now on; a seed starts the random numbers again, without one they go on."""
        self._plan = plan
        self._left = plan.times
        if seed is not None:
            self._die.seed(seed)

    def spoils(self, flight_id: int) -> bool:
        """Tell whether this flight is shown in a way that cannot be sold."""
        return flight_id == self._plan.unusable_flight

    def latency_seconds(self, method: str) -> float:
        """Return how long a request waits before it is decided."""
        return self._plan.latency_ms / 1000 if self._concerns(method) else 0.0

    def draw(self, method: str) -> Fault | None:
        """Throw the die for one request."""
        if not self._concerns(method) or self._left == 0:
            return None
        thrown = self._die.random()
        for fault, share in self._plan.thresholds():
            if thrown < share:
                if self._left is not None:
                    self._left -= 1
                return fault
            thrown -= share
        return None

    def _concerns(self, method: str) -> bool:
        return self._plan.faults_on in ("both", method.lower())
