"""The search itself: it visits all, shows the shortest way, and sees from where no end can be reached."""

import pytest

from tests.model.explore import NO_END, Step, explore


class Roads:
    """Places and the ways between them; those in capitals need a fault, and place 9 must not be reached."""

    def __init__(self, ways, ends):
        self.ways = ways
        self.ends = ends

    def first(self):
        return (0,)

    def steps(self, state):
        for label, before, after in self.ways:
            if (before,) == state:
                yield Step(label, (after,), by_itself=label.islower())

    def wrong(self, state):
        return {9: "broken", 8: "bent"}.get(state[0], "")

    def is_end(self, state):
        return state[0] in self.ends


def test_each_state_is_visited_once():
    found = explore(Roads([("a", 0, 1), ("b", 0, 2), ("c", 1, 3), ("d", 2, 3), ("e", 3, 3)], ends={3}))

    assert (found.states, found.transitions, found.wrong, found.trace) == (4, 5, "", ())


def test_the_shortest_way_to_what_is_wrong_is_shown():
    found = explore(Roads([("a", 0, 1), ("b", 1, 2), ("c", 2, 9), ("d", 0, 3), ("e", 3, 9)], ends={9}))

    assert (found.wrong, found.trace) == ("broken", ("d", "e"))
    assert str(found).splitlines()[1:] == ["   1 d", "   2 e"]


def test_a_search_for_one_thing_goes_past_another():
    ways = [("a", 0, 8), ("b", 8, 9)]

    assert explore(Roads(ways, ends={9})).wrong == "bent"
    assert explore(Roads(ways, ends={9}), only="broken").trace == ("a", "b")


@pytest.mark.parametrize(
    ("ways", "trace"),
    [
        ([("a", 0, 1), ("b", 0, 2)], ("b",)),
        ([("a", 0, 1), ("b", 0, 2), ("c", 2, 2)], ("b",)),
        ([("a", 0, 1), ("b", 0, 2), ("ONLY BY A FAULT", 2, 1)], ("b",)),
        ([("a", 0, 2), ("b", 2, 3), ("c", 3, 2)], ()),
    ],
    ids=["nothing follows", "it goes round", "only a fault helps", "no end at all"],
)
def test_a_state_from_which_no_end_can_be_reached_is_wrong(ways, trace):
    found = explore(Roads(ways, ends={1}))

    assert (found.wrong, found.trace) == (NO_END, trace)


def test_to_go_round_is_right_if_there_is_a_way_out():
    assert explore(Roads([("a", 0, 2), ("b", 2, 0), ("c", 2, 1)], ends={1})).wrong == ""
