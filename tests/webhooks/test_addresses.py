"""Nothing is ever sent to an address inside, however it is disguised: not one byte, and not one connection."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from bookings.gateways.webhooks import names
from bookings.gateways.webhooks.networks import is_public, network, parsed
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.ports import NotSent
from bookings.ports.webhooks import Accepted, Letter, NotAllowed, TurnedDown, UnsafeAddress
from tests.support.wire import STAY_SILENT, Wire, answer

PUBLIC = "93.184.216.34"
NO_STRANGER = NotAllowed("the name leads to an address that is not public")
INSIDE = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.5.4", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "168.63.129.16", "192.0.0.192", "192.88.99.1", "198.18.0.1", "203.0.113.7", "224.0.0.1"),
    *("255.255.255.255", "::1", "::", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2002:7f00:1::", "2001::1"),
    *("2001:db8::1", "3fff::1", "100::1", "5f00::1"),
)
OUTSIDE = ("1.1.1.1", PUBLIC, "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001::200e", "::ffff:1.1.1.1")


class Listener:
    """What stands inside, at 127.0.0.1 and ::1: counts who came."""

    def __init__(self) -> None:
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self.came = 0
        self._sockets = [first]
        if socket.has_ipv6:
            self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for each in self._sockets:
            threading.Thread(target=self._accept, args=(each,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.came += 1
            with connection:
                connection.recv(4096)
                connection.sendall(answer(200, {}))

    def end(self) -> None:
        for each in self._sockets:
            each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.end()


class NameServers:
    """Say of every name what they are told to, one answer after the other; the last one from then on."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []

    def __call__(self, _host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        addresses = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        return [(0, 0, 0, "", (each, port)) for each in addresses]


@pytest.fixture
def name_servers(monkeypatch: pytest.MonkeyPatch) -> NameServers:
    made = NameServers()
    monkeypatch.setattr(names.socket, "getaddrinfo", made)
    return made


def a_letter(url: str) -> Letter:
    return Letter(url=url, key="evt_1", body=b"{}", sent_at=1, secrets=(b"s" * 32,))


def host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def other_spellings(address: str) -> list[str]:
    """Write an IPv4 address as some readers take it too."""
    if ":" in address:
        return []
    number, parts = int(ip_address(address)), address.split(".")
    return [
        str(number),
        hex(number),
        ".".join(f"0{int(part):o}" for part in parts),
        ".".join(hex(int(part)) for part in parts),
        f"{parts[0]}.{int(parts[1]) * 65536 + int(parts[2]) * 256 + int(parts[3])}",
        address.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
        address.replace(".", "\u3002"),
        address + ".",
    ]


@pytest.mark.slow
def test_no_address_inside_is_reached_by_any_disguise(listener: Listener, name_servers: NameServers):
    webhooks = HttpWebhooks(ports=(listener.port,))
    for address in INSIDE:
        for spelling in (host(address), *other_spellings(address)):
            name_servers.said = [(address,)]
            literal = webhooks.send(a_letter(f"https://{spelling}:{listener.port}/"), seconds=1)
            assert isinstance(literal, NotAllowed), spelling
        as_ipv6 = address if ":" in address else f"::ffff:{address}"
        for answers in ([(address,)], [(as_ipv6,)], [(PUBLIC, address)], [(address, PUBLIC)]):
            name_servers.said = answers
            url = f"https://hooks.example.org:{listener.port}/"
            assert webhooks.send(a_letter(url), seconds=1) == NO_STRANGER, answers
            assert webhooks.send(a_letter(url.replace("https", "http")), seconds=1) == NotAllowed(
                "must begin with https://"
            )

    assert listener.came == 0


def test_what_a_name_leads_to_is_judged_at_each_sending(listener: Listener, name_servers: NameServers):
    """The name led to a public address when it was saved, and leads inside when the webhook is sent."""
    webhooks = HttpWebhooks(ports=(listener.port,))
    url = f"https://hooks.example.org:{listener.port}/"
    for address in INSIDE:
        name_servers.said = [(PUBLIC,), (address,)]

        assert webhooks.leads_to(url, seconds=1) == (PUBLIC,)
        assert webhooks.send(a_letter(url), seconds=1) == NO_STRANGER

    assert listener.came == 0


class GuardedOnlyWhenSaved(HttpWebhooks):
    """The twin: judges what a name leads to when it is asked, and not when it sends."""

    def _addresses(self, target, *, seconds):
        return self._names.addresses(target.host, target.port, seconds=seconds)


def test_a_guard_only_at_save_is_reached_through(listener: Listener, name_servers: NameServers):
    webhooks = GuardedOnlyWhenSaved(ports=(listener.port,))
    name_servers.said = [("127.0.0.1",)]

    webhooks.send(a_letter(f"https://hooks.example.org:{listener.port}/"), seconds=1)

    assert listener.came == 1


def test_a_name_is_looked_up_once_for_a_sending_and_no_other_socket_is_opened(
    listener: Listener, name_servers: NameServers
):
    """Who answers the second question otherwise than the first is asked no second question."""
    webhooks = HttpWebhooks(ports=(listener.port,), private=(network("127.0.0.2/32"),))
    name_servers.said = [("127.0.0.2",), ("127.0.0.1",)]

    sent = webhooks.send(a_letter(f"http://hooks.example.org:{listener.port}/"), seconds=1)

    assert sent == NotSent("connection refused")
    assert (listener.came, len(name_servers.said)) == (0, 1)


def test_no_redirect_leads_inside(listener: Listener, wire: Wire):
    """The one receiver that is allowed says: go to that address inside."""
    port = int(wire.url.rpartition(":")[2])
    webhooks = HttpWebhooks(ports=(port, listener.port), private=(network("127.0.0.1/32"),))
    for status in (301, 302, 303, 307, 308):
        for address in INSIDE:
            wire.say("POST", "/x", answer(status, body=b"", location=f"http://{host(address)}:{listener.port}/"))

            assert webhooks.send(a_letter(f"{wire.url}/x"), seconds=1) == TurnedDown(status, "")
            wire.forget("POST", "/x")

    assert listener.came == 0


def test_no_proxy_of_the_environment_is_used(listener: Listener, wire: Wire, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    wire.say("POST", "/x", answer(204, body=b""))
    webhooks = HttpWebhooks(ports=(int(wire.url.rpartition(":")[2]),), private=(network("127.0.0.1/32"),))

    assert webhooks.send(a_letter(f"{wire.url}/x"), seconds=1) == Accepted(204)
    assert listener.came == 0


def test_a_named_proxy_is_told_the_name_and_judges_it_by_itself(wire: Wire, name_servers: NameServers):
    webhooks = HttpWebhooks(ports=(443,), proxy=wire.url)
    wire.say("CONNECT", "hooks.example.org:443", answer(407, body=b"no"))

    said = webhooks.send(a_letter("https://hooks.example.org/"), seconds=1)

    assert said == NotSent("connection refused")
    assert [call.path for call in wire.calls] == ["hooks.example.org:443"]
    assert webhooks.leads_to("https://hooks.example.org/", seconds=1) == ()


def test_the_lists_of_addresses():
    assert [address for address in INSIDE if is_public(parsed(address))] == []
    assert [address for address in OUTSIDE if not is_public(parsed(address))] == []
    assert network("10.0.0.0/8") == ip_network("10.0.0.0/8")
    for text in ("0.0.0.0/0", "::/0", "10.0.0.1/8", "ten"):
        with pytest.raises(ValueError):  # noqa: PT011
            network(text)


def test_names_that_cannot_be_looked_up_are_given_up_in_time(monkeypatch: pytest.MonkeyPatch):
    webhooks, over = HttpWebhooks(ports=(443,)), threading.Event()

    def hangs(*_words: object, **_options: object) -> list[object]:
        over.wait(10)
        raise OSError

    monkeypatch.setattr(names.socket, "getaddrinfo", hangs)
    webhooks._names._places = threading.BoundedSemaphore(2)
    said = [webhooks.send(a_letter("https://hooks.example.org/"), seconds=0.05) for _ in range(3)]
    over.set()

    assert said == [NotSent("name servers do not answer")] * 3


def test_a_name_that_does_not_exist_is_not_sent_to():
    assert HttpWebhooks(ports=(443,)).send(a_letter("https://hooks.invalid/"), seconds=5) == NotSent("no such host")


REFUSED = {
    "": "not an address of at most 500 characters",
    "https://hooks.example.org/" + "a" * 500: "not an address of at most 500 characters",
    "https://hooks.example.org/a b": "not an address of at most 500 characters",
    "https://hooks.example.org\\@127.0.0.1/": "not an address of at most 500 characters",
    "https://hooks.example.org/\r\nX: y": "not an address of at most 500 characters",
    "http://hooks.example.org/": "must begin with https://",
    "ftp://hooks.example.org/": "must begin with https://",
    "https:/hooks.example.org/": "not the full name of a host",
    "https://user:pass@hooks.example.org/": "must have no user, no password and no fragment",
    "https://hooks.example.org/#here": "must have no user, no password and no fragment",
    "https://hooks.example.org:8443/": "port 8443 is not one of 443",
    "https://hooks.example.org:0/": "port 0 is not one of 443",
    "https://hooks.example.org:99999/": "not an address",
    "https://[::1/": "not an address",
    "https://hooks.example.org/é": "other characters must be percent-encoded",
    "https://localhost/": "not the full name of a host",
    "https://hooks.example.org./": "not the full name of a host",
    "https://hooks%2eexample.org/": "not the full name of a host",
    "https://-hooks.example.org/": "not the full name of a host",
    f"https://{'a' * 64}.example.org/": "not the full name of a host",
    "https://ho..oks.example.org/": "not the full name of a host",
    "https://hooks.example.123/": "not the full name of a host",
    "https://hooks.example.0x7f/": "not the full name of a host",
    "https://\uff28ooks.example.org/": "not the name of a host",
    "https://8.8.8.8/": "an IP address in the place of a name",
}
NORMAL = {
    "https://hooks.example.org": "https://hooks.example.org/",
    "HTTPS://Hooks.Example.ORG:443/a?b=c": "https://hooks.example.org/a?b=c",
    "https://hooks.example.org?b=%20": "https://hooks.example.org?b=%20",
    "https://b\u00fccher.example/x": "https://xn--bcher-kva.example/x",
}


def test_addresses_that_can_be_read_in_two_ways_are_refused():
    webhooks = HttpWebhooks(ports=(443,))
    said = {}
    for url in REFUSED:
        with pytest.raises(UnsafeAddress) as caught:
            webhooks.normal(url)
        said[url] = str(caught.value)

    assert said == REFUSED
    assert {url: webhooks.normal(url) for url in NORMAL} == NORMAL


def test_private_networks_are_open_where_the_operator_says_so(wire: Wire, name_servers: NameServers):
    port = int(wire.url.rpartition(":")[2])
    wire.say("POST", "/x", answer(200, {}))
    webhooks = HttpWebhooks(ports=(port,), private=(network("127.0.0.1/32"), network("fd00::/64")))

    assert webhooks.normal(f"http://[fd00::1]:{port}/x") == f"http://[fd00::1]:{port}/x"
    assert webhooks.send(a_letter(f"{wire.url}/x"), seconds=1) == Accepted(200)
    name_servers.said = [("127.0.0.1",)]
    assert webhooks.send(a_letter(f"http://inside.example.org:{port}/x"), seconds=1) == Accepted(200)
    name_servers.said = [(PUBLIC,)]
    assert webhooks.send(a_letter(f"http://inside.example.org:{port}/x"), seconds=1) == NotAllowed(
        "http:// is for private networks alone"
    )


def test_a_receiver_that_says_nothing_keeps_no_one_longer_than_it_may(wire: Wire):
    port = int(wire.url.rpartition(":")[2])
    wire.say("POST", "/x", STAY_SILENT)
    webhooks = HttpWebhooks(ports=(port,), private=(network("127.0.0.1/32"),))

    assert webhooks.send(a_letter(f"{wire.url}/x"), seconds=0.1).why == "answer too slow"
