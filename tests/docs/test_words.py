"""Texts are in plain American English: no word stands in them that tests/docs/words.py names."""

import pytest

from tests.docs.words import found, instead, left


def test_no_text_has_a_word_that_is_not_used():
    assert left() == {}


@pytest.mark.parametrize(
    "word",
    ["nobody", "Somebody", "whoever", "whomever", "anew", "mend", "for ever", "leave it away", "left away", "honours",
     "colour", "recognised", "behaviour", "sweep", "t1", "T11"],
)  # fmt: skip
def test_the_search_finds(word):
    assert found(f"one line\nand {word} in the next") == [(2, word)]


@pytest.mark.parametrize(
    "word", ["body", "manage", "amend", "forever", "color", "honest", "SWEEP_TASK", "t12", "part1"]
)
def test_the_search_leaves_alone(word):
    assert found(word) == []


def test_each_word_has_a_better_one():
    assert instead("Sweep") == "pass"
