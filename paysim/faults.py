"""Faults on demand: which requests and which notices go wrong, and how."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum

# Longer than every time limit of a sane client; a larger value is a slip of the keyboard.
MAX_LATENCY_MS = 600_000


class InvalidFaults(Exception):
    """The faults asked for make no sense."""


class Fault(Enum):
    """What goes wrong with one request."""

    HANG = "nothing done, never answered"
    DROP_REQUEST = "nothing done, hung up"
    DROP_REPLY = "done, then hung up without an answer"
    CUT = "done, then hung up in the middle of the answer"
    DRIP = "done, then answered a byte at a time"
    FAIL_BEFORE = "nothing done, 500, which is kept for the key"
    FAIL_AFTER = "done, 500, which is kept for the key"
    RATE_LIMIT = "nothing done, 429, before the key is looked at"
    LOCK_TIMEOUT = "nothing done, 429 as the object is locked"
    CONFLICT = "nothing done, 409 as if the key were in use"
    GARBAGE = "done, then answered 200 with what is no answer"
    BAD_GATEWAY = "nothing done, 502 of a proxy"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """
    Shares from 0 to 1 of the requests to the API that meet each fault, and of the notices that do.

    `only` is a regular expression that a request, as `POST /v1/refunds`, must match; `times` bounds how many faults of
    requests there will be in all (None: no bound; latency is no fault in this sense). A late notice waits
    `notice_late_ms`; with `notice_shuffle_ms` every notice waits at random for up to so long, so that they overtake
    each other.

    :raises InvalidFaults: if a value is out of range
    """

    latency_ms: int = 0
    hang_rate: float = 0.0
    drop_request_rate: float = 0.0
    drop_reply_rate: float = 0.0
    cut_rate: float = 0.0
    drip_rate: float = 0.0
    fail_before_rate: float = 0.0
    fail_after_rate: float = 0.0
    rate_limit_rate: float = 0.0
    lock_timeout_rate: float = 0.0
    conflict_rate: float = 0.0
    garbage_rate: float = 0.0
    bad_gateway_rate: float = 0.0
    only: str = ""
    times: int | None = None
    notice_late_rate: float = 0.0
    notice_late_ms: int = 5_000
    notice_shuffle_ms: int = 0
    notice_twice_rate: float = 0.0
    notice_lost_rate: float = 0.0
    notice_unsigned_rate: float = 0.0
    notice_forged_rate: float = 0.0
    notice_old_rate: float = 0.0
    notice_double_event_rate: float = 0.0

    def __post_init__(self) -> None:
        rates = {each.name: getattr(self, each.name) for each in fields(self) if each.name.endswith("_rate")}
        if not all(0 <= rate <= 1 for rate in rates.values()):
            raise InvalidFaults("Every rate must be from 0 to 1")
        # A hair above 1, because 0.1 + 0.2 + 0.7 is.
        if sum(rate for name, rate in rates.items() if not name.startswith("notice_")) > 1.000001:
            raise InvalidFaults("The rates of faults of requests must not add up to more than 1")
        for each in fields(self):
            if each.name.endswith("_ms") and not 0 <= getattr(self, each.name) <= MAX_LATENCY_MS:
                raise InvalidFaults(f"{each.name} must be from 0 to {MAX_LATENCY_MS} ms")
        if self.times is not None and self.times < 0:
            raise InvalidFaults("times must not be negative")
        try:
            re.compile(self.only)
        except re.error as error:
            raise InvalidFaults(f"only is no regular expression: {error}") from error

    def thresholds(self) -> tuple[tuple[Fault, float], ...]:
        """Return each fault with its share, in the order in which one die decides among them."""
        return tuple((fault, getattr(self, f"{fault.name.lower()}_rate")) for fault in Fault)


def plan_from_json(content: Mapping[str, object]) -> FaultPlan:
    """
    Read a plan; what is not named is off, so an empty object switches all faults off.

    :raises InvalidFaults: if a name is unknown, a type wrong or a value out of range
    """
    accepted: dict[str, tuple[type, ...]] = {
        each.name: (int, float) if each.name.endswith("_rate") else (int,) for each in fields(FaultPlan)
    }
    accepted["only"] = (str,)
    for name, value in content.items():
        if name not in accepted:
            raise InvalidFaults(f"Unknown: {name}")
        # By exact type, because True is an int to isinstance.
        if type(value) not in accepted[name]:
            raise InvalidFaults(f"Wrong type: {name}")
    return FaultPlan(**content)  # type: ignore[arg-type]  # each was checked against its field just above


class Faults:
    """
    The die and the plan it is thrown for.

    One throw per request, whatever the rates: with the same seed, plan and order of requests, the same requests meet
    the same faults. Notices have a die of their own, so that their number does not matter to requests.
    """

    def __init__(self, plan: FaultPlan, *, seed: int | None = None) -> None:
        self._die = random.Random()  # guards nothing; must be repeatable  # noqa: S311  # nosec B311
        self._notice_die = random.Random()  # noqa: S311  # nosec B311
        self.change(plan, seed=seed)

    def change(self, plan: FaultPlan, *, seed: int | None = None) -> None:
        """Follow another plan from now on; a seed starts the random numbers again, without one they go on."""
        self._plan, self._only, self._left = plan, re.compile(plan.only), plan.times
        if seed is not None:
            self._die.seed(seed)
            self._notice_die.seed(seed)

    def latency_seconds(self, method: str, path: str) -> float:
        """Return how long a request waits before anything is done."""
        return self._plan.latency_ms / 1000 if self._only.search(f"{method} {path}") else 0.0

    def draw(self, method: str, path: str) -> Fault | None:
        """Throw the die for one request."""
        if not self._only.search(f"{method} {path}") or self._left == 0:
            return None
        thrown = self._die.random()
        for fault, share in self._plan.thresholds():
            if thrown < share:
                if self._left is not None:
                    self._left -= 1
                return fault
            thrown -= share
        return None

    def draw_double_event(self) -> bool:
        """Throw the die for one change: whether two events tell of it."""
        return self._notice_die.random() < self._plan.notice_double_event_rate

    def draw_notice(self) -> list[tuple[str, float]]:
        """Return how often one notice is sent: each time what is wrong with it, and the seconds that it waits."""
        plan, thrown = self._plan, self._notice_die.random
        if thrown() < plan.notice_lost_rate:
            return []
        fault = ""
        for name, share in (
            ("unsigned", plan.notice_unsigned_rate),
            ("forged", plan.notice_forged_rate),
            ("old", plan.notice_old_rate),
        ):
            if not fault and thrown() < share:
                fault = name
        late = plan.notice_late_ms if thrown() < plan.notice_late_rate else 0
        times = 2 if thrown() < plan.notice_twice_rate else 1
        return [(fault, (late + thrown() * plan.notice_shuffle_ms) / 1000) for _ in range(times)]
