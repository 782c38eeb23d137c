"""
Looks into an image and runs it, as compose.yaml would, with nothing but the kernel.

`python -m deploy.image.try_image ROOT CONFIG` is a part of build.sh: ROOT is the image's mounted root folder,
CONFIG a file with what `buildah inspect` says about it. Needs root and Linux.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Iterator

USER_ID = 10001
COMPILERS = ("as", "c++", "cc", "clang", "cpp", "g++", "gcc", "ld", "make", "pkg-config")
# What installs packages: programs, and modules of any Python.
INSTALLERS = ("pip", "pip3", "wheel")
INSTALLING_MODULES = ("ensurepip", "pip", "setuptools")
STRANGERS = (".env", ".git", ".venv", "deploy", "devtools", "docs", "tests", "var/bookings.sqlite3")
# Its own ports and processes; a root folder that cannot be written to, but for an empty /tmp and /app/var.
CONFINE = """
mount --make-rprivate /
mount --bind "$0" "$0"
mount -t tmpfs tmpfs "$0/tmp"
mount -t tmpfs -o uid={user},gid={user},mode=700 tmpfs "$0/app/var"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -o remount,ro,bind "$0"
ip link set lo up
exec chroot "$0" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all \\
    --reuid {user} --regid {user} --clear-groups "$@"
"""
# A loaded machine; an idle one needs three seconds.
START_SECONDS = 120
STOP_SECONDS = 60
LOOK_EVERY_SECONDS = 0.2
# Folders of the image, and whether the service may write there.
WRITABLE = {"app": False, "venv": False, "app/var": True, "tmp": True}
CLIENT = "import MySQLdb; print(MySQLdb.get_client_info())"
ASK = """
import json, os, pathlib, sys
writable = {}
for folder in sys.argv[1:]:
    try:
        (pathlib.Path("/") / folder / "probe").touch()
        writable[folder] = True
    except OSError:
        writable[folder] = False
print(json.dumps([os.getuid(), writable]))
"""


class ImageFault(Exception):
    """The image is not as it must be; the message says in what."""


class Image:
    """An image: its root folder, and what its Dockerfile says about running it."""

    def __init__(self, root: Path, config: dict[str, Any]) -> None:
        self.root = root
        self.config = config
        self._environment = {
            **dict(word.split("=", 1) for word in config["Env"]),
            "ALLOWED_HOSTS": "localhost",
            "CURRENCY": "EUR",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "DATABASE_URL": "sqlite:////app/var/bookings.sqlite3",
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start the entry point with a command, confined; what it starts ends with it."""
        return subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child"),
                *("sh", "-euc", CONFINE.format(user=USER_ID), str(self.root)),
                *self._in_its_folder(*self.config["Entrypoint"], *command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str) -> str:
        """
        Run one command in a container of its own, and give what it prints.

        :raises ImageFault: if it fails
        """
        container = self.start(*command)
        printed, _ = container.communicate(timeout=START_SECONDS)
        if container.returncode:
            raise ImageFault(f"{' '.join(command)} ended with {container.returncode}: {printed}")
        return printed

    def run_beside(self, first: int, *command: str) -> bool:
        """Tell whether a command succeeds in the container whose first process is this one."""
        entered = ("nsenter", "--target", str(first), "--mount", "--pid", "--net", "--root")
        identity = ("--setuid", str(USER_ID), "--setgid", str(USER_ID))
        done = subprocess.run([*entered, *identity, *self._in_its_folder(*command)], check=False, capture_output=True)
        return done.returncode == 0

    def _in_its_folder(self, *command: str) -> tuple[str, ...]:
        """Put the image's environment and working folder before a command."""
        words = [f"{name}={value}" for name, value in self._environment.items()]
        return ("env", "-i", *words, "sh", "-c", f'cd {self.config["WorkingDir"]} && exec "$@"', "sh", *command)


def look_inside(image: Image) -> str:
    """
    Look for what must not be in it, and for what its Dockerfile must say.

    :raises ImageFault: if something is there, or missing
    """
    found = [
        name
        for name in (*COMPILERS, *INSTALLERS)
        for folder in ("usr/bin", "usr/local/bin", "venv/bin")
        if (image.root / folder / name).exists()
    ]
    found += [
        f"the module {name}"
        for name in INSTALLING_MODULES
        for folder in ("usr", "venv")
        if any(image.root.glob(f"{folder}/**/python3*/**/{name}/__init__.py"))
    ]
    found += [name for name in STRANGERS if (image.root / "app" / name).exists()]
    pip = image.root / "etc" / "pip.conf"
    if pip.exists() and pip.stat().st_size:
        found.append("the machine's pip configuration")
    if found:
        raise ImageFault(f"the image has: {', '.join(found)}")
    said = (image.config.get("User"), image.config.get("Entrypoint"), bool(image.config.get("Healthcheck")))
    if said != (f"{USER_ID}:{USER_ID}", ["tini", "--"], True):
        raise ImageFault(f"user, entry point and health check are {said}")
    whole, packages = (_megabytes(image.root / folder) for folder in ("", "venv"))
    return f"no compiler, no pip, no .env, no tests in it; {whole} MB, of them {packages} MB of Python packages"


def check_confinement(image: Image) -> str:
    """
    See from inside who runs there, and where it can write.

    :raises ImageFault: if that is not as it must be
    """
    user, writable = json.loads(image.run("python", "-c", ASK, *WRITABLE))
    if (user, writable) != (USER_ID, WRITABLE):
        raise ImageFault(f"it runs as {user}, and can write or not: {writable}")
    return f"runs as user {USER_ID} with a read-only root; only /tmp and /app/var can be written to"


def serve(image: Image) -> str:
    """
    Run the image's own command until its own health check passes, then stop it as an engine does.

    :raises ImageFault: if it does not answer, or does not stop in order
    """
    began = time.monotonic()
    with _ended(image.start(*image.config["Cmd"])) as container:
        first = None
        while first is None or not image.run_beside(first, *image.config["Healthcheck"]["Test"][1:]):
            if container.poll() is not None or time.monotonic() - began > START_SECONDS:
                container.kill()
                raise ImageFault(f"the web server does not answer: {container.communicate()[0]}")
            first = _first_process(container.pid)
            time.sleep(LOOK_EVERY_SECONDS)
        answered = time.monotonic()
        os.kill(first, signal.SIGTERM)
        try:
            status = container.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise ImageFault(f"the web server does not stop within {STOP_SECONDS} s") from None
    # A program that does not catch the signal ends by it: 128 + 15.
    if status not in (0, 128 + signal.SIGTERM):
        raise ImageFault(f"the web ended with {status}")
    stopped = time.monotonic()
    return f"web healthy after {answered - began:.1f} s, and stopped {stopped - answered:.1f} s after SIGTERM"


def main() -> int:
    """Try everything in order, and say what was found."""
    root, file = map(Path, sys.argv[1:])
    image = Image(root, json.loads(file.read_text())["Docker"]["config"])
    try:
        print(look_inside(image))
        print(check_confinement(image))
        image.run("python", "manage.py", "check")
        image.run("python", "manage.py", "migrate", "--verbosity", "0")
        print("manage.py check and migrate pass")
        print(f"MariaDB client {image.run('python', '-c', CLIENT).strip()}")
        print(serve(image))
        image.run("python", "manage.py", "run_worker", "--help")
        image.run("python", "-m", "flightsim", "--help")
        print("worker and stand-in Flight Service are in it")
    except ImageFault as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _ended(container: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Leave nothing of a container behind."""
    try:
        yield container
    finally:
        container.kill()
        container.wait()


def _first_process(container: int) -> int | None:
    """Find the init of a container, once it is there."""
    for pid in descendants(container):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() == "tini\n":
                return pid
    return None


def _megabytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*")) // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
