"""The stand-in for Stripe as a process: what survives a kill, start and stop, what is no request."""

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from devtools.processes import REPOSITORY
from paysim.__main__ import read_options
from tests.paysim.making import TEN
from tests.support.paysim import SECRET, start_paysim


def paysim_command(*options: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "paysim", *options)
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=20)


@pytest.mark.long
def test_what_was_answered_survives_a_kill():
    keys = [f"key-{number}" for number in range(30)]
    answered: dict[str, bytes] = {}
    form = {**TEN, "confirm": "true", "payment_method": "pm_card_visa"}
    with start_paysim() as sim, ThreadPoolExecutor(4) as clients:

        def pay_until_the_kill(key: str) -> None:
            try:
                answered[key] = sim.api("POST", "payment_intents", key, **form, **{"metadata[key]": key}).content
            except requests.ConnectionError:
                return
            if len(answered) > 8:
                sim.kill()

        list(clients.map(pay_until_the_kill, keys))
        sim.start()
        before = sim.ledger("key")
        again = {key: sim.api("POST", "payment_intents", key, **form, **{"metadata[key]": key}) for key in keys}
        after = sim.ledger("key")

    # What was done but not answered is at most one request of each client.
    assert 8 < len(answered) <= len(before) <= len(answered) + 4 < 30
    assert {key: again[key].content for key in answered} == answered
    assert {entry["charges"] for entry in after.values()} == {1}
    assert len(after) == 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--faults", "x"), "paysim: --faults: not JSON"),
        (("--faults", "[]"), "paysim: --faults: not a JSON object"),
        (
            ("--faults", '{"cut_rate": 2}'),
            "paysim: --faults: Every rate must be from 0 to 1",
        ),
        (("--secret", ","), "paysim: --secret and --webhook-secret must not be empty"),
        (("--notice-pause-ms", "0"), "paysim: --notice-pause-ms must be from 1 to 600000"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(options, said, capsys):
    with pytest.raises(SystemExit) as ended:
        read_options(options)

    assert (ended.value.code, capsys.readouterr().err) == (2, f"{said}; --help lists the options\n")


@pytest.mark.slow
def test_a_webhook_that_is_no_address_is_refused(tmp_path):
    ended = paysim_command("--webhook-url", "nowhere", "--database", str(tmp_path / "p.sqlite3"), "--port", "0")

    assert ended.returncode == 1
    assert ended.stderr.startswith("paysim: --webhook-url: Invalid URL")


@pytest.mark.slow
def test_a_taken_port_and_a_bad_database_are_said(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ended = paysim_command("--port", str(port), "--database", str(tmp_path / "p.sqlite3"))
    (tmp_path / "no.sqlite3").write_text("this is no database, and longer than a header of one would be " * 4)
    unreadable = paysim_command("--port", "0", "--database", str(tmp_path / "no.sqlite3"))

    assert (ended.returncode, ended.stderr) == (1, f"paysim: cannot listen on 127.0.0.1:{port}: the port is taken\n")
    assert (unreadable.returncode, "cannot use the database" in unreadable.stderr) == (1, True)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v1/charges HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /v1/refunds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /v1/refunds HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/refunds HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", 413),
        (b"GET /v1/charges HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused(paysim, sent, status):
    host, port = paysim.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(sent)
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({}, 401, "You did not provide an API key."),
        ({"Authorization": "Bearer sk_test_of_a_stranger"}, 401, "Invalid API Key provided: sk_test_********nger"),
        ({"Authorization": "Basic !"}, 401, "You did not provide an API key."),
        ({"Authorization": f"Bearer {SECRET}", "Stripe-Version": "yesterday"}, 400, "Invalid Stripe API version"),
    ],
)
def test_who_may_not_ask_is_refused(paysim, headers, status, words):
    answer = requests.get(f"{paysim.url}/v1/charges", headers=headers, timeout=5)

    assert (answer.status_code, words in answer.json()["error"]["message"]) == (status, True)
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/customers"), ("DELETE", "/v1/payment_intents/pi_1"), ("GET", "/")]
)
def test_an_unknown_address_is_told(paysim, method, path):
    answer = requests.request(method, paysim.url + path, auth=(SECRET, ""), timeout=5)

    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith(f"Unrecognized request URL ({method}: {path}).")


@pytest.mark.parametrize(
    ("path", "form", "message"),
    [
        ("payment_intents", {**TEN, "customer": "cus_1"}, "paysim has not built customer"),
        ("payment_intents", {**TEN, "a[b": "1"}, "Invalid parameter name: a[b"),
        ("payment_intents", {**TEN, "amount": ""}, "You passed an empty string for 'amount'."),
        ("payment_intents", {**TEN, "confirm": "yes"}, "Invalid boolean: yes"),
        ("payment_intents", {**TEN, "metadata": "x"}, "Invalid object"),
        ("payment_intents", {**TEN, "amount": "-5"}, "Invalid positive integer"),
        ("payment_intents", {**TEN, "statement_descriptor": "x"}, "The `statement_descriptor` parameter is not"),
        ("payment_intents", {**TEN, "automatic_payment_methods[enabled]": "true"}, "You cannot enable"),
        ("payment_intents", {**TEN, "return_url": "https://a.example"}, "You cannot set `return_url`"),
        ("refunds", {"amount": "1"}, "One of the following params should be provided"),
        ("refunds", {"charge": "ch_nothing"}, "No such charge: 'ch_nothing'"),
        ("webhook_endpoints", {"url": "nowhere", "enabled_events[]": "*"}, "Invalid URL"),
    ],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_told(paysim, path, form, message):
    answer = paysim.api("POST", path, **form)

    assert (answer.status_code, answer.json()["error"]["message"][: len(message)]) == (400, message)


def test_lists_are_walked_in_both_directions_and_in_a_span_of_time(paysim):
    made = [paysim.api("POST", "payment_intents", **TEN).json() for _ in range(5)]
    ids = [each["id"] for each in made]

    def listed(**query):
        return [each["id"] for each in paysim.api("GET", "payment_intents", **query).json()["data"]]

    assert listed(limit=2) == ids[:-3:-1]
    assert listed(limit=2, starting_after=ids[3]) == [ids[2], ids[1]]
    assert listed(limit=2, ending_before=ids[1]) == [ids[3], ids[2]]
    assert set(ids) <= set(listed(limit=100, **{"created[gte]": made[0]["created"]}))
    assert listed(**{"created[gt]": made[-1]["created"] + 60}) == []
    assert not set(ids) & set(listed(limit=100, **{"created[lt]": made[0]["created"]}))


def test_orders_of_other_pages_are_not_taken(paysim):
    answer = requests.post(f"{paysim.url}/__reset", data="{}", headers={"Content-Type": "text/plain"}, timeout=5)

    assert (answer.status_code, json.loads(answer.content)["error"]["message"]) == (
        400, "Send the Content-Type application/json",
    )  # fmt: skip


@pytest.mark.slow
def test_it_forgets_everything_and_stops_in_order():
    with start_paysim() as paysim:
        paysim.api("POST", "payment_intents", "once", **TEN)
        paysim.reset()
        assert paysim.control("GET", "/__health") == {"status": "ok"}
        assert paysim.api("GET", "payment_intents").json()["data"] == []
        assert paysim.ledger("key") == {}
        assert paysim.forget_keys() == 0
        with pytest.raises(RuntimeError, match="answered 404"):
            paysim.control("GET", "/__nothing")
        assert paysim.stop() == 0
