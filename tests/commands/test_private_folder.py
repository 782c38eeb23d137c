"""The folder that a web server or a worker has for itself, and what becomes of it."""

import os
import tempfile

import pytest

from bookingsite.processes.supervision import private_folder

LONG_AGO = 1_000_000_000


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_nobody_elses_and_gone_afterwards(temporary):
    with private_folder("web") as folder:
        (folder / "metrics").mkdir()
        mode = folder.stat().st_mode & 0o777

    assert mode == 0o700
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_by_the_next(temporary):
    left = temporary / "bookings-web-left"
    left.mkdir()
    os.utime(left, (LONG_AGO, LONG_AGO))

    with private_folder("web") as folder:
        there = list(temporary.iterdir())

    assert there == [folder]


def test_what_is_in_use_or_just_made_or_somebody_elses_stays(temporary):
    just_made, not_ours = temporary / "bookings-web-new", temporary / "bookings-worker-left"
    just_made.mkdir()
    not_ours.mkdir()
    os.utime(not_ours, (LONG_AGO, LONG_AGO))

    with private_folder("web") as in_use:
        os.utime(in_use, (LONG_AGO, LONG_AGO))
        with private_folder("web") as folder:
            there = set(temporary.iterdir())

    assert there == {just_made, not_ours, in_use, folder}
