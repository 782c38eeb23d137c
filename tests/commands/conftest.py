"""Runs commands as an operator does."""

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def run_command(capsys):
    """Run a command; give its exit code, what it printed, and its error."""

    def run(name, *options):
        try:
            call_command(name, *options)
        except CommandError as error:
            return error.returncode, capsys.readouterr().out.strip(), str(error)
        return 0, capsys.readouterr().out.strip(), ""

    return run
