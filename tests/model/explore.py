"""
Visit every state that a model can reach, and find the shortest way to one that must not be.

A state is a tuple, and is never changed. Breadth first: no way to what is found is shorter than the one that is shown.
"""

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

NO_END = "no end can be reached"

State = tuple[Any, ...]


class Step(NamedTuple):
    """What can happen next. What happens `by_itself` needs no fault and no person who wants something."""

    label: str
    state: State
    by_itself: bool = True


class Model(Protocol):
    """A system: where it begins, what can happen, what must not be, and where it may come to rest."""

    def first(self) -> State: ...
    def steps(self, state: State) -> Iterator[Step]: ...
    def wrong(self, state: State) -> str: ...
    def is_end(self, state: State) -> bool: ...


@dataclass(frozen=True)
class Found:
    """What a search has seen; if something is wrong, the shortest way to it."""

    states: int
    transitions: int
    seconds: float
    wrong: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        size = f"{self.states:,} states, {self.transitions:,} transitions, {self.seconds:.1f} s of CPU"
        head = f"{size}: {self.wrong or 'all is right'}"
        return "\n".join([head, *(f"  {number:2} {label}" for number, label in enumerate(self.trace, start=1))])


def explore(model: Model, *, only: str = "") -> Found:
    """
    Visit all states. Each must be right, and must lead to an end by what happens by itself alone.

    With `only`, go on until that is wrong.
    """
    began = time.process_time()
    states = [model.first()]
    number_of = {states[0]: 0}
    came_from = array("l", [0])
    # What happens by itself, as numbers of states: before, after.
    before, after = array("l"), array("l")
    transitions = 0

    def found(wrong: str = "", at: int = 0) -> Found:
        trace = _way_to(model, states, came_from, at) if wrong else ()
        return Found(len(states), transitions, time.process_time() - began, wrong, trace)

    for at, state in enumerate(states):  # which grows meanwhile
        for _, next_state, by_itself in model.steps(state):
            transitions += 1
            number = number_of.get(next_state)
            if number is None:
                number = number_of[next_state] = len(states)
                states.append(next_state)
                came_from.append(at)
                wrong = model.wrong(next_state)
                if wrong and only in ("", wrong):
                    return found(wrong, number)
            if by_itself:
                before.append(at)
                after.append(number)
    lost = _first_without_end(bytearray(map(model.is_end, states)), before, after)
    return found(NO_END, lost) if lost >= 0 else found()


def _first_without_end(leads_to_end: bytearray, before: array, after: array) -> int:
    """Go back from the ends until nothing is added; tell the first state that is left, or -1."""
    grows = True
    while grows:
        grows = False
        for earlier, later in zip(reversed(before), reversed(after), strict=True):
            if leads_to_end[later] and not leads_to_end[earlier]:
                leads_to_end[earlier] = grows = True
    return leads_to_end.find(0)


def _way_to(model: Model, states: list[State], came_from: array, at: int) -> tuple[str, ...]:
    labels = []
    while at:
        earlier = came_from[at]
        labels.append(next(step.label for step in model.steps(states[earlier]) if step.state == states[at]))
        at = earlier
    return tuple(reversed(labels))
