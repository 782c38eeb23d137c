"""`python -m tests.campaigns` knows every campaign, and none asks for more than its name."""

import sys
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest

from tests.campaigns import __main__ as command

FOLDER = Path(command.__file__).parent


@pytest.mark.parametrize("name", command.CAMPAIGNS)
def test_a_campaign_says_what_it_does_and_has_defaults_for_all_its_options(name):
    campaign, parser = import_module(f"tests.campaigns.{name}"), ArgumentParser()

    campaign.add_options(parser)

    assert campaign.__doc__
    assert callable(campaign.play)
    assert None not in vars(parser.parse_args([])).values()


def test_the_command_knows_every_campaign():
    campaigns = {file.stem for file in FOLDER.glob("*.py") if "\ndef add_options(" in file.read_text()}

    assert campaigns == {*command.CAMPAIGNS}


@pytest.mark.parametrize("words", [[], ["crash"]], ids=["no name", "an unknown name"])
def test_without_a_name_that_it_knows_it_lists_them_and_fails(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["campaigns", *words])

    assert command.main() == 2

    printed = capsys.readouterr().out
    assert all(name in printed for name in command.CAMPAIGNS)
