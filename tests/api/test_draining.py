"""What a web process answers while it is about to stop."""

import logging

import pytest

from bookings.diagnostics.draining import FLAG


@pytest.fixture
def flag(tmp_path, monkeypatch):
    """The file by which `run_web` tells its processes that they drain; it is not there yet."""
    file = tmp_path / "draining"
    monkeypatch.setenv(FLAG, str(file))
    return file


def test_it_is_not_ready_and_lives(client, flag):
    flag.touch()

    ready, live = client.get("/health/ready"), client.get("/health/live")

    assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
    assert (live.status_code, live.json()) == (200, {"status": "ok"})


def test_every_connection_ends_with_its_answer(client, flag):
    before = client.get("/api/v1/info")
    flag.touch()
    after = [client.get(path) for path in ("/api/v1/info", "/api/v1/nowhere", "/health/live")]

    assert "Connection" not in before
    assert [answer["Connection"] for answer in after] == ["close"] * 3


def test_a_health_check_that_is_told_no_is_not_logged_as_an_error(client, flag, caplog):
    flag.touch()
    caplog.set_level(logging.INFO)

    client.get("/health/ready")

    assert caplog.records == []
