"""Texts are in plain American English: no word stands in them that tests/docs/words.py names."""

import pytest

from tests.docs.words import found, instead, left


def test_no_text_has_a_word_that_is_not_used():
    assert left() == {}


@pytest.mark.parametrize(
    "word",
    ["nobody", "Somebody", "whoever", "whomever", "anew", "mend", "for ever", "leave it away", "left away", "honours",
     "colour", "recognised", "behaviour", "sweep", "give-back", "Give-backs", "checkup", "load_demo", "t1", "T11"],
)  # fmt: skip
def test_the_search_finds(word):
    assert found(f"one line\nand {word} in the next") == [(2, word)]


@pytest.mark.parametrize(
    "word",
    ["body", "manage", "amend", "forever", "color", "honest", "SWEEP_TASK", "give_back", "0011-a-give-back-that",
     "t12", "part1"],
)  # fmt: skip
def test_the_search_leaves_alone(word):
    assert found(word) == []


def test_each_word_has_a_better_one():
    assert instead("Sweep") == "pass"
