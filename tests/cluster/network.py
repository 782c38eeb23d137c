"""Networks of their own for three machines that are none; it takes root."""

import os
import shutil
import subprocess

NODES = (1, 2, 3)


class Network:
    """A bridge, and on it a network for each node, whose cable can be cut."""

    def __init__(self) -> None:
        self._mark = f"{os.getpid() % 0xFFFF:04x}"
        self._subnet = f"10.{200 + os.getpid() // 250 % 50}.{os.getpid() % 250}"

    def name(self, number: int) -> str:
        return f"bk{self._mark}n{number}"

    def address(self, number: int) -> str:
        return f"{self._subnet}.{10 + number}"

    def make(self) -> None:
        """Make it."""
        bridge = f"bk{self._mark}"
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{self._subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number in NODES:
            name = self.name(number)
            _ip("netns", "add", name)
            _ip("link", "add", f"{name}o", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"{name}o", "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")

    def cut(self, number: int, *, is_cut: bool) -> None:
        """Pull the cable of a node, or put it back."""
        _ip("link", "set", f"{self.name(number)}o", "down" if is_cut else "up")

    def close(self) -> None:
        """Remove all of it, however much there is."""
        for number in NODES:
            _ip("netns", "del", self.name(number), check=False)
            _ip("link", "del", f"{self.name(number)}o", check=False)
        _ip("link", "del", f"bk{self._mark}", check=False)

    def pids(self, number: int) -> list[int]:
        """Name every process that runs on a node."""
        return [int(word) for word in _ip("netns", "pids", self.name(number)).split()]

    def inside(self, number: int) -> tuple[str, ...]:
        """Give the words to put before a command so that it runs on a node."""
        return ("ip", "netns", "exec", self.name(number))


def why_not() -> str:
    """Say why no networks can be made here; empty if they can."""
    if os.geteuid() != 0:
        return "it takes root, for networks of their own"
    # Root in a container may not.
    network = Network()
    try:
        network.make()
    except (OSError, subprocess.CalledProcessError) as refusal:
        return f"no networks can be made here: {getattr(refusal, 'stderr', None) or refusal}".strip()
    finally:
        network.close()
    return ""


def program(name: str) -> str | None:
    """Find a program where servers are kept, too."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")


def _ip(*words: str, check: bool = True) -> str:
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True).stdout
