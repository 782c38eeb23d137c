"""What the README must be: short, and with a picture on the first screen."""

from tests.docs.pages import page

MOST_WORDS = 900


def test_it_has_at_most_900_words():
    assert len(page("README.md").split()) <= MOST_WORDS


def test_a_picture_stands_on_the_first_screen():
    first_screen = page("README.md").split("\n## ")[0]

    assert "](docs/screenshots/" in first_screen
