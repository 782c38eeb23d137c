"""The user service's keys: how they change, how often they are asked for, and what happens when nobody answers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bookings import wiring
from bookings.gateways.user_service.signing_keys import InvalidKeySet, KeySet, key_set_from
from bookings.ports import SigningKeysUnavailable
from tests.support.api import BOOKINGS
from tests.support.callers import CallerApi
from tests.support.clocks import Clock
from tests.support.signers import good_token, key_set, public_jwk, published

MINUTE, HOUR = 60.0, 3600.0

# Only ends a test that hangs.
PATIENCE_SECONDS = 30.0


class UserService:
    """What the user service publishes, the time, and how often it was asked."""

    def __init__(self, *key_ids):
        self.now, self.reads, self.down = 1000.0, 0, False
        self.publish(*key_ids)
        self.keys = KeySet(self.read, clock=lambda: self.now)

    def publish(self, *key_ids):
        self.content = key_set(*(public_jwk("EdDSA", kid=key_id) for key_id in key_ids))

    def read(self):
        self.reads += 1
        if self.down:
            raise OSError("down")
        return self.content

    def knows(self, key_id, algorithm="EdDSA"):
        return [key.algorithm for key in self.keys.candidates(algorithm=algorithm, key_id=key_id)] == [algorithm]


@pytest.fixture
def service():
    return UserService("old")


def test_a_new_key_is_known_ten_seconds_after_the_last_look(service):
    assert service.knows("old")
    service.publish("old", "new")

    known = {}
    for seconds in (0, 9.9, 10):
        service.now = 1000.0 + seconds
        known[seconds] = service.knows("new")

    assert known == {0: False, 9.9: False, 10: True}
    assert service.reads == 2


def test_a_new_key_is_known_at_once_if_the_last_look_is_long_ago(service):
    assert service.knows("old")
    service.publish("old", "new")
    service.now += MINUTE

    assert service.knows("new")


def test_a_withdrawn_key_is_refused_after_five_minutes(service):
    assert service.knows("old")
    service.publish("new")

    service.now += 5 * MINUTE
    before = service.knows("old")
    service.now += 0.1
    after = service.knows("old")

    assert (before, after) == (True, False)
    assert service.reads == 2


def test_a_known_key_does_not_ask_again_for_five_minutes(service):
    for _ in range(300):
        assert service.knows("old")
        service.now += 1

    assert service.reads == 1


def test_strangers_do_not_choose_how_often_the_user_service_is_asked(service):
    """A thousand unknown key ids in 30 seconds: one question in ten, and good tokens pass all the time."""
    for number in range(1000):
        assert not service.knows(f"made up {number}")
        assert service.knows("old")
        service.now += 0.03

    assert service.reads == 3


@pytest.mark.parametrize(("key_id", "algorithm"), [(None, "EdDSA"), ("old", "RS256"), ("old", "HS256")])
def test_a_key_is_only_for_its_name_and_its_algorithm(service, key_id, algorithm):
    assert service.keys.candidates(algorithm=algorithm, key_id=key_id) == []


def test_known_keys_stay_good_for_a_day_without_an_answer(service):
    assert service.knows("old")
    service.down = True

    service.now += 24 * HOUR
    assert service.knows("old")
    service.now += 1
    with pytest.raises(SigningKeysUnavailable):
        service.knows("old")
    service.now += 10
    service.down = False
    assert service.knows("old")


def test_while_nobody_answers_it_is_asked_every_ten_seconds(service):
    assert service.knows("old")
    service.down = True
    service.now += 5 * MINUTE + 1

    for _ in range(100):
        assert service.knows("old")
        service.now += 1

    assert service.reads == 1 + 10


def test_what_is_no_key_set_leaves_the_known_keys(service):
    assert service.knows("old")
    service.content = b"<html>maintenance</html>"
    service.now += HOUR

    assert service.knows("old")


def test_without_any_keys_nothing_can_be_said(service):
    service.down = True

    for _ in range(5):
        with pytest.raises(SigningKeysUnavailable):
            service.knows("old")

    assert service.reads == 1


@pytest.mark.django_db
def test_without_any_keys_a_customer_is_told_to_come_back_and_not_that_its_token_is_bad(
    service, token_auth, monkeypatch
):
    service.down = True
    monkeypatch.setattr(wiring, "signing_keys", lambda: service.keys)

    answer = CallerApi(good_token("EdDSA", header={"kid": "old"})).get(BOOKINGS)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "WWW-Authenticate" not in answer.headers


class SlowService(UserService):
    """One whose answers come when a test says so, from the second question on or from the first."""

    def __init__(self, *key_ids):
        super().__init__(*key_ids)
        self.slow, self.asked, self.go = False, threading.Event(), threading.Event()

    def read(self):
        content = super().read()
        if self.slow:
            self.asked.set()
            assert self.go.wait(PATIENCE_SECONDS)
        return content


@pytest.mark.parametrize("key_id", ["old", "new"])
def test_one_thread_reads_while_the_others_go_on_with_the_old_keys(key_id):
    service = SlowService("old")
    assert service.knows("old")
    service.publish("old", "new")
    service.slow, service.now = True, service.now + HOUR
    barrier = threading.Barrier(4, timeout=PATIENCE_SECONDS)

    def look():
        barrier.wait()
        return service.knows("old"), service.knows("new")

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(service.knows, key_id)
        assert service.asked.wait(PATIENCE_SECONDS)
        others = [future.result(PATIENCE_SECONDS) for future in [pool.submit(look) for _ in range(4)]]
        service.go.set()

        assert reader.result(PATIENCE_SECONDS)
    assert others == [(True, False)] * 4
    assert service.reads == 2
    assert service.knows("new")


def test_without_keys_all_threads_wait_for_the_one_that_reads():
    service = SlowService("old")
    service.slow = True

    with ThreadPoolExecutor(5) as pool:
        looks = [pool.submit(service.knows, "old") for _ in range(5)]
        assert service.asked.wait(PATIENCE_SECONDS)
        service.go.set()
        found = [look.result(PATIENCE_SECONDS) for look in looks]

    assert found == [True] * 5
    assert service.reads == 1


# --- where they are read from -------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that key sets from the settings go by."""
    fake = Clock()
    monkeypatch.setattr(KeySet.__init__, "__kwdefaults__", {"clock": fake})
    return fake


def key_ids(keys, *asked):
    return [key_id for key_id in asked if keys.candidates(algorithm="EdDSA", key_id=key_id)]


def test_a_file_is_read_again(tmp_path, clock):
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(public_jwk("EdDSA", kid="old")))
    keys = key_set_from(str(file))
    assert key_ids(keys, "old", "new") == ["old"]

    file.write_bytes(key_set(public_jwk("EdDSA", kid="new")))
    clock.now += 301

    assert key_ids(keys, "old", "new") == ["new"]


def test_a_file_that_is_gone_leaves_what_was_read(tmp_path, clock):
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(public_jwk("EdDSA", kid="old")))
    keys = key_set_from(str(file))
    assert key_ids(keys, "old") == ["old"]

    file.unlink()
    clock.now += 301

    assert key_ids(keys, "old") == ["old"]


@pytest.mark.parametrize("source", ["{}", '{"keys": []}', "/nowhere/keys.json"])
def test_what_cannot_be_used_is_told_when_it_is_configured(source):
    with pytest.raises((InvalidKeySet, OSError)):
        key_set_from(source)


def test_an_address_is_asked_at_first_use_and_not_for_each_token():
    with published(body=key_set()) as site:
        keys = key_set_from(f"{site.url}/jwks")
        before = site.paths()

        found = [key_ids(keys, "ed-1") for _ in range(5)]

    assert found == [["ed-1"]] * 5
    assert (before, site.paths()) == ([], ["/jwks"])


def test_a_redirect_is_not_followed():
    with published(body=key_set()) as other:
        there = {"Location": f"{other.url}/jwks"}
        with published(302, body=key_set(), headers=there) as site, pytest.raises(SigningKeysUnavailable):
            key_ids(key_set_from(site.url), "ed-1")

    assert (site.paths(), other.paths()) == (["/"], [])


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    with published(body=key_set()) as site, published(502) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)

        found = key_ids(key_set_from(f"{site.url}/jwks"), "ed-1")

    assert found == ["ed-1"]
    assert (site.paths(), proxy.paths()) == (["/jwks"], [])
