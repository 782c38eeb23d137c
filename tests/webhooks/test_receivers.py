"""What is made of a receiver's answer, whatever it sends: in time, and in little memory."""

import gzip
import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bookings.gateways.webhooks.networks import network
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.ports import NotSent, Unknown
from bookings.ports.webhooks import Accepted, Letter, SendOutcome, TurnedDown
from devtools.processes import HOST, free_port
from tests.support.certificates import a_certificate
from tests.support.wire import HANG_UP, STAY_SILENT, Drip, Said, Wire, answer, took

MEGABYTE = 1024 * 1024
HERE = (network("127.0.0.0/8"),)
OK = b"HTTP/1.1 200 OK\r\n"
LONG = OK + b"Content-Length: %d\r\n\r\n" % (100 * MEGABYTE)
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 903\r\n\r\nbus"
BOMB = gzip.compress(b"\0" * 10 * MEGABYTE)

# What a receiver does, and what is made of it. `SLOW` ones take the time they are given.
TOO_SLOW = Unknown("answer too slow")
SLOW: dict[str, tuple[Said, SendOutcome]] = {
    "hangs": (STAY_SILENT, TOO_SLOW),
    "drips its head": (Drip(OK + b"X: y\r\n" * 1000, at_once=20, every_seconds=0.02), TOO_SLOW),
    "says only that it works": (Drip(b"HTTP/1.1 102 Processing\r\n\r\n" * 100, every_seconds=0.02), TOO_SLOW),
    "drips its body": (Drip(LONG + b"a" * 1000, at_once=len(LONG), every_seconds=0.02), Accepted(200)),
    "drips why it refuses": (Drip(BUSY + b"y" * 900, at_once=len(BUSY), every_seconds=9), TurnedDown(503, "bus")),
}
ANSWERS: dict[str, tuple[Said, SendOutcome]] = {
    "has it": (answer(200, {}), Accepted(200)),
    "has it, and says nothing": (answer(204, body=b""), Accepted(204)),
    "has it, and says 100 MB": (LONG + b"a" * MEGABYTE, Accepted(200)),
    "has it, and is cut off": (OK + b"Content-Length: 9\r\n\r\nab", Accepted(200)),
    "has it, in a gzip bomb": (answer(200, body=BOMB, content_encoding="gzip"), Accepted(200)),
    "has it, in no gzip": (answer(200, body=b"abc", content_encoding="gzip"), Accepted(200)),
    "has it, after a hint": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(200, {}), Accepted(200)),
    "hangs up": (HANG_UP, Unknown("hung up without an answer")),
    "says something else than HTTP": (b"SSH-2.0-OpenSSH\r\n", Unknown("answer is not HTTP/1")),
    "switches protocols": (b"HTTP/1.1 101 Switching\r\n\r\n", Unknown("answer is not HTTP/1")),
    "has two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", Unknown("answer is not HTTP/1")),
    "has an endless head": (OK + b"X: y\r\n" * 9_000, Unknown("answer too large")),
    "is cut off in its head": (OK + b"X: " + b"y" * 40_000, Unknown("answer cut")),
    "is gone": (answer(410, body=b"gone"), TurnedDown(410, "gone")),
    "asks for a pause": (answer(429, body=b"", retry_after="17"), TurnedDown(429, "", retry_after=17.0)),
    "asks for a long pause": (answer(503, body=b"", retry_after="99999"), TurnedDown(503, "", retry_after=3600.0)),
    "asks for a pause in words": (answer(503, body=b"", retry_after="soon"), TurnedDown(503, "")),
    "leads elsewhere": (answer(302, body=b"", location="https://hooks.example.org/"), TurnedDown(302, "")),
    "says why, unreadably": (
        answer(500, body=b"\x1b[31m no\r\n\0 \xff\xe2\x80\xae disk <b>"),
        TurnedDown(500, "[31m no \ufffd disk <b>"),
    ),
    "says why, at length": (answer(500, body=b"a" * 4000), TurnedDown(500, "a" * 200)),
}


def webhooks_to(url: str, **options: str) -> HttpWebhooks:
    return HttpWebhooks(ports=(int(url.rpartition(":")[2]),), private=HERE, **options)


def a_letter(url: str) -> Letter:
    return Letter(url=url, key="evt_1", body=b'{"a": 1}', sent_at=1767225600, secrets=(b"s" * 32,), traceparent="00-a")


def outcomes(wire: Wire, cases: dict[str, tuple[Said, SendOutcome]], seconds: float) -> dict[str, SendOutcome]:
    """Send to receivers that do all this, one after the other; each hangs up after it."""
    webhooks = webhooks_to(wire.url)
    found = {}
    for number, (name, (said, _)) in enumerate(cases.items()):
        wire.hangs_up_after.add(f"/{number}")
        wire.say("POST", f"/{number}", said)
        found[name] = webhooks.send(a_letter(f"{wire.url}/{number}"), seconds=seconds)
    return found


def test_each_answer_has_its_meaning(wire: Wire):
    assert outcomes(wire, ANSWERS, 5) == {name: outcome for name, (_, outcome) in ANSWERS.items()}
    assert len(wire.calls) == len(ANSWERS)  # none was sent twice


@pytest.mark.slow
def test_a_slow_answer_has_its_meaning_in_time(wire: Wire):
    found = {}
    seconds = took(lambda: found.update(outcomes(wire, SLOW, 0.15)))

    assert found == {name: outcome for name, (_, outcome) in SLOW.items()}
    assert seconds < len(SLOW) * 0.15 + 0.5


@pytest.mark.slow
def test_nothing_is_kept_of_what_is_too_much(wire: Wire):
    """One hundred megabytes, and a gzip bomb, again and again."""
    webhooks = webhooks_to(wire.url)
    wire.say("POST", "/long", LONG + b"a" * 8 * MEGABYTE)
    wire.say("POST", "/bomb", answer(200, body=gzip.compress(b"\0" * 100 * MEGABYTE, 1), content_encoding="gzip"))
    webhooks.send(a_letter(f"{wire.url}/long"), seconds=5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for path in ("long", "bomb") * 5:
        assert webhooks.send(a_letter(f"{wire.url}/{path}"), seconds=5) == Accepted(200)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10 * 1024


def test_what_a_receiver_gets(wire: Wire):
    wire.say("POST", "/x?a=b", answer(204, body=b""))
    webhooks = webhooks_to(wire.url)

    for _ in range(2):
        webhooks.send(a_letter(f"{wire.url}/x?a=b"), seconds=5)

    first, second = wire.calls
    assert first.raw == second.raw
    assert (first.connection, second.connection) == (1, 1)  # kept for the next one
    assert first.body == b'{"a": 1}'
    assert first.headers == {
        "host": wire.url.removeprefix("http://"),
        "user-agent": "flight-bookings-webhooks/1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "8",
        "traceparent": "00-a",
        "webhook-id": "evt_1",
        "webhook-timestamp": "1767225600",
        "webhook-signature": "v1,oy0y/r/pR6ZX1dgexE9LSW0o7JsveWrKCU5IWTSKjM4=",
    }


def test_where_no_one_listens_nothing_is_sent():
    url = f"http://{HOST}:{free_port()}"

    assert webhooks_to(url).send(a_letter(url), seconds=5) == NotSent("connection refused")


@contextmanager
def a_tls_receiver(context: ssl.SSLContext | None, heard: list[bytes]) -> Iterator[int]:
    """Listen with TLS, or without; answers 204."""
    listener = socket.create_server((HOST, 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                if context is None:
                    heard.append(connection.recv(4096))
                    connection.sendall(answer(204, body=b""))
                    continue
                with context.wrap_socket(connection, server_side=True) as inner:
                    heard.append(inner.recv(4096))
                    inner.sendall(answer(204, body=b""))

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_without_tls_that_can_be_trusted_nothing_is_sent(tmp_path: Path):
    files = {name: tmp_path / name for name in ("own", "other")}
    for folder, name in zip(files.values(), (HOST, "127.0.0.9"), strict=True):
        folder.mkdir()
        a_certificate(folder, name)
    found: dict[str, SendOutcome] = {}
    for fault, trusted in (
        ("none", "own"),
        ("a certificate of no one", ""),
        ("a certificate of another", "other"),
        ("an old TLS", "own"),
        ("no TLS", "own"),
    ):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = files["other" if fault == "a certificate of another" else "own"]
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        if fault == "an old TLS":
            context.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning, match="deprecated"):
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        heard: list[bytes] = []
        with a_tls_receiver(None if fault == "no TLS" else context, heard) as port:
            ca_file = str(files[trusted] / "certificate.pem") if trusted else ""
            webhooks = HttpWebhooks(ports=(port,), private=HERE, ca_file=ca_file)
            found[fault] = webhooks.send(a_letter(f"https://{HOST}:{port}/"), seconds=5)
        assert (b"evt_1" in b"".join(heard)) is (fault == "none"), fault

    assert found == {
        "none": Accepted(204),
        "a certificate of no one": NotSent("certificate not trusted"),
        "a certificate of another": NotSent("certificate not trusted"),
        "an old TLS": NotSent("no TLS"),
        "no TLS": NotSent("no TLS"),
    }


@contextmanager
def a_proxy() -> Iterator[str]:
    """Connect where it is told to, and pass all bytes on; give its address."""
    listener = socket.create_server((HOST, 0))

    def pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        connection, _ = listener.accept()
        host, port = connection.recv(4096).split(b" ")[1].decode().split(":")
        connection.sendall(b"HTTP/1.1 200 Connected\r\nX-Proxy: yes\r\n\r\n")
        with socket.create_connection((host, int(port)), timeout=5) as there, connection:
            back = threading.Thread(target=pass_on, args=(there, connection))
            back.start()
            pass_on(connection, there)
            back.join(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(5)


@pytest.mark.slow
def test_what_a_proxy_says_is_not_taken_for_the_receivers_answer(tmp_path: Path):
    certificate, key = a_certificate(tmp_path, HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []
    with a_tls_receiver(context, heard) as port, a_proxy() as proxy:
        webhooks = HttpWebhooks(ports=(port,), private=HERE, ca_file=str(certificate), proxy=proxy)

        assert webhooks.send(a_letter(f"https://{HOST}:{port}/"), seconds=5) == Accepted(204)

    assert b"webhook-id: evt_1" in b"".join(heard)
