"""
Run the whole service on this machine: web, worker and the stand-in Flight Service; `make run` ends here.

Each is a process of its own. Ctrl-C stops them all within five seconds; a second Ctrl-C kills them at once. What
the environment or .env says is kept: where FLIGHT_SERVICE_URL names a Flight Service, that one is used.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from bookingsite.config.env import base_address, env
from devtools import receive_webhooks, run_stripe
from devtools.processes import adopt_orphans, ends_with_parent, free_port, kill_descendants, port_is_free
from devtools.welcome import AS_CUSTOMER, BEARER, CONTACT, MAIL, WELCOME
from flightsim.__main__ import read_options

if TYPE_CHECKING:
    from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# From the start of a server to its first answer; 2 s on two idle cores.
START_SECONDS = 30
# Leaves time to kill what does not stop when it is asked to: five seconds in all.
STOP_SECONDS = 4
POLL_SECONDS, ANSWER_SECONDS = 0.05, 2
HIGHEST_PORT, PORTS_APART = 65535, 80
WEB_WORKERS, WEB_THREADS = 2, 16
# No proxy stands in front, and a web worker that hangs is killed within the five seconds.
WEB_DRAIN_SECONDS = 0
WEB_FINISH_SECONDS = 3
# What travelers are told is written into files.
INTO_A_FOLDER = {"EMAIL_URL": "folder:", "MAIL_FROM": "bookings@example.org", "SMS_URL": "folder:"}

# The stand-in sells flights in India.
FLIGHTS_CURRENCY = "INR"


class CannotRun(Exception):
    """The service cannot be started or does not stay up; the message says why, in one line."""


class Stopped(Exception):
    """The operator asked for the end: Ctrl-C, or a signal."""


class StopRequest:
    """The signals that ask for the end: the first in order, the second at once."""

    def __init__(self) -> None:
        self._made = threading.Event()
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        if self._made.is_set():
            kill_descendants()
        self._made.set()

    def pause(self) -> None:
        """
        Wait a moment.

        :raises Stopped: if the end is asked for
        """
        if self._made.wait(POLL_SECONDS):
            raise Stopped


class Service:
    """The processes of one run: started one by one, stopped together."""

    def __init__(self, *, environment: dict[str, str], stop: StopRequest) -> None:
        self._environment = environment
        self._stop = stop
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start one process, in a session of its own: a Ctrl-C reaches it through `stop()` only."""
        self._running[name] = self._spawn(command)

    def finish(self, name: str, *command: str) -> None:
        """
        Run one preparing command to its end.

        :raises CannotRun: if it fails; what it printed stands above
        """
        process = self._spawn(command)
        while process.poll() is None:
            self.watch()
        if process.returncode != 0:
            raise CannotRun(f"{name} failed with exit status {process.returncode}")

    def await_answer(self, name: str, url: str) -> None:
        """
        Wait until there is a response, of any status, from this address.

        :raises CannotRun: if there is none in time, or a process has ended
        """
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            self.watch()
            if time.monotonic() > deadline:
                raise CannotRun(f"{name} does not answer at {url} after {START_SECONDS} s")

    def watch(self) -> None:
        """
        Look once, after a moment, whether all processes are alive.

        :raises CannotRun: if one has ended by itself
        :raises Stopped: if the end is asked for
        """
        self._stop.pause()
        for name, process in self._running.items():
            if process.poll() is not None:
                raise CannotRun(f"{name} ended by itself ({_ending(process.returncode)}); the rest is stopped")

    def stop(self) -> None:
        """Ask every process to stop, wait for a while, and kill what is left, down to the last descendant."""
        for process in self._running.values():
            # To the first process only: the worker's queue hangs when its whole group gets the signal.
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in self._running.values()):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        kill_descendants()

    def _spawn(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*ends_with_parent(signal.SIGTERM), sys.executable, *command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def _ending(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def _answers(url: str) -> bool:
    # No proxy between here and here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _ports(defaults: dict[str, int]) -> dict[str, int]:
    """
    Give each port by the name of its setting, all of them different and free.

    :raises CannotRun: if that is not so; where one is taken, with a command that works
    """
    ports = {}
    for name, default in defaults.items():
        text = os.environ.get(name) or str(default)
        if not text.isdecimal() or not 1 <= int(text) <= HIGHEST_PORT:
            raise CannotRun(f"{name}={text} is not a port number (1 to {HIGHEST_PORT})")
        ports[name] = int(text)
    if len(set(ports.values())) < len(ports):
        twice = [name for name, port in ports.items() if list(ports.values()).count(port) > 1]
        raise CannotRun(f"{' and '.join(twice)} are both {ports[twice[0]]}; choose two ports")
    taken = {name: port for name, port in ports.items() if not port_is_free(port)}
    if not taken:
        return ports
    proposed = dict(ports)
    for name, port in taken.items():
        proposed[name] = _free_port_above(port, but_not=set(proposed.values()))
    which = " and ".join(str(port) for port in taken.values())
    are = "ports {} are" if len(taken) > 1 else "port {} is"
    free = " ".join(f"{name}={port}" for name, port in proposed.items() if port != defaults[name])
    raise CannotRun(f"{are.format(which)} in use or not allowed; try: make run {free}")


def _free_port_above(port: int, *, but_not: set[int]) -> int:
    """Find one that is easy to remember: 8080 where 8000 is taken."""
    nearby = (each for each in range(port + PORTS_APART, HIGHEST_PORT) if each not in but_not and port_is_free(each))
    return next(nearby, None) or free_port()


def _given(name: str) -> str:
    """Give a setting as the environment or .env has it, read by bookingsite.config.env; empty if neither does."""
    return os.environ.get(name, "").strip()


def _faults() -> list[str]:
    """
    Give the options of the stand-in that FAULTS names; ends with its own line where it does not know them.

    :raises CannotRun: if these are no options at all
    """
    try:
        options = shlex.split(_given("FAULTS"))
    except ValueError as error:
        raise CannotRun(f"FAULTS cannot be read: {error}") from error
    read_options(options)
    return options


def _pays_by_stripe() -> bool:
    """
    Whether PAYMENTS asks for the stand-in for Stripe.

    :raises CannotRun: if it asks for something else
    """
    wanted = _given("PAYMENTS")
    if wanted not in ("", "stripe"):
        raise CannotRun(f"PAYMENTS={wanted} is not known; PAYMENTS=stripe starts a stand-in for Stripe")
    return wanted == "stripe"


def _is_in_development() -> bool:
    return os.environ.get("DEBUG", "true").lower() not in {"false", "0", "no", "off"}


def _has_seat_numbers() -> bool:
    """Whether seats can be asked for by number: the stand-in shows maps, unless it plays one without keys."""
    is_keyed = os.environ.get("FLIGHT_SERVICE_KEYED", "true").lower() not in {"false", "0", "no", "off"}
    return is_keyed and not _given("FLIGHT_SERVICE_URL")


def _writes_mails() -> bool:
    """Whether mails are written into a folder: not where the settings say where they are handed over."""
    return _is_in_development() and not _given("EMAIL_URL")


def _environment(*, flights: str, payments: dict[str, str] | None = None) -> dict[str, str]:
    ours = {
        "DEBUG": "true",
        "PAYMENT_GATEWAY": "demo" if _is_in_development() else "instant",
        "WEB_HOST": "127.0.0.1",
        "WEB_WORKERS": str(WEB_WORKERS),
        "WEB_THREADS": str(WEB_THREADS),
        **(receive_webhooks.settings() if _is_in_development() and receive_webhooks.is_wanted() else {}),
        **(INTO_A_FOLDER if _writes_mails() else {}),
        **({"FLIGHT_SERVICE_SEAT_NUMBERS": "true"} if _has_seat_numbers() else {}),
    }
    return {
        **ours,
        **{name: value for name, value in os.environ.items() if value or name not in ours},
        "FLIGHT_SERVICE_URL": flights,
        **(payments or {}),
        # What a process says must be seen at once, also through a pipe.
        "PYTHONUNBUFFERED": "1",
    }


def _address_here(host: str) -> str:
    """Give the address under which a server that listens there is found from this machine."""
    everywhere = ("", "0.0.0.0", "::")  # noqa: S104  # nosec B104
    return "127.0.0.1" if host in everywhere else f"[{host}]" if ":" in host else host


def _stand_in(port: int | None) -> str:
    return f"http://127.0.0.1:{port}"


def _say_what_is_used() -> None:
    """Name what is not as in a run without settings, and what is not kept of them."""
    if flights := _given("FLIGHT_SERVICE_URL"):
        print(f"FLIGHT_SERVICE_URL={flights} is used: no stand-in is started, and no demo bookings are made there.")
        if _given("FAULTS"):
            print("FAULTS is not used: they are the stand-in's.")
    if database := _given("DATABASE_URL"):
        # Without the password.
        print(f"DATABASE_URL is used: {database.partition('://')[2].rpartition('@')[2]}")
    if _given("DRAIN_SECONDS"):
        print("DRAIN_SECONDS is not used: no proxy stands in front, and Ctrl-C shall not wait for one.")
    sys.stdout.flush()


def _say(what: str) -> None:
    print(what, flush=True)


def _start(
    service: Service, *, web: str, flights_port: int | None, flights: str, faults: list[str], payments_port: int | None
) -> None:
    VAR.mkdir(exist_ok=True)
    _say_what_is_used()
    if flights_port is not None:
        _say("starting the stand-in Flight Service")
        service.start(
            "the Flight Service",
            *("-m", "flightsim", "--port", str(flights_port), "--store", str(VAR / "flightsim.sqlite3")),
            *("--currency", _given("CURRENCY") or FLIGHTS_CURRENCY, *faults),
        )
    if payments_port is not None:
        _say("starting the stand-in for Stripe")
        database = VAR / "paysim.sqlite3"
        service.start("the stand-in for Stripe", *run_stripe.command(port=payments_port, web=web, database=database))
    _say("migrating the database")
    service.finish("the migration", "manage.py", "migrate", "--noinput", "--verbosity", "0")
    if not _is_in_development():
        _say("collecting static files")
        service.finish("collecting static files", "manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    if flights_port is not None:
        # The demo bookings hold seats at the Flight Service.
        service.await_answer("the Flight Service", f"{flights}/__ledger")
        _say("making log-ins and demo bookings")
        service.finish("loading the demo", "-m", "devtools.demo")
    else:
        _say("making log-ins")
        service.finish("making the log-ins of the demo", "-m", "devtools.demo", "--people-only")
    _say("starting the web server and the worker")
    service.start(
        "the web server",
        *("manage.py", "run_web", "--port", web.rpartition(":")[2]),
        *("--drain", str(WEB_DRAIN_SECONDS), "--finish", str(WEB_FINISH_SECONDS)),
    )
    service.start("the worker", "manage.py", "run_worker")
    if _is_in_development() and receive_webhooks.is_wanted():
        service.start("the receiver of webhooks", "-m", "devtools.receive_webhooks")
    service.await_answer("the web server", f"{web}/health/live")
    token, bearer = (AS_CUSTOMER, BEARER) if env.str("API_AUTH", default="open") == "token" else ("", "")
    key, whose = secrets.token_hex(4), "(a stand-in)" if flights_port else "(FLIGHT_SERVICE_URL)"
    said = WELCOME.format(
        web=web,
        flights=flights,
        whose=whose,
        key=key,
        token=token,
        bearer=bearer,
        to_payer=run_stripe.to_payer(_stand_in(payments_port), web=web) if payments_port else "",
        payments=run_stripe.WELCOME if payments_port else "",
        mails=MAIL.format(web=web) if _writes_mails() else "",
        contact=CONTACT if _writes_mails() else "",
    )
    print(said, flush=True)
    if shutil.which("curl") is None:
        print("There is no curl on this machine; on Debian and Ubuntu: apt-get install curl", flush=True)


def main() -> int:
    """Run everything until the operator ends it."""
    stop = StopRequest()
    adopt_orphans()
    try:
        flights = base_address("FLIGHT_SERVICE_URL", default="") if _given("FLIGHT_SERVICE_URL") else ""
        faults = _faults()
        wanted = {"WEB_PORT": 8000, "FLIGHTS_PORT": 8001, "PAYMENTS_PORT": 8002}
        unused = {"FLIGHTS_PORT": bool(flights), "PAYMENTS_PORT": not _pays_by_stripe()}
        ports = _ports({name: port for name, port in wanted.items() if not unused.get(name)})
    except (CannotRun, ImproperlyConfigured) as reason:
        print(reason, file=sys.stderr)
        return 1
    flights_port, payments_port = ports.get("FLIGHTS_PORT"), ports.get("PAYMENTS_PORT")
    flights = flights or _stand_in(flights_port)
    web = f"http://{_address_here(_given('WEB_HOST'))}:{ports['WEB_PORT']}"
    currency = _given("CURRENCY") or FLIGHTS_CURRENCY
    payments = payments_port and run_stripe.settings(paysim=_stand_in(payments_port), web=web, currency=currency)
    service = Service(environment=_environment(flights=flights, payments=payments or {}), stop=stop)
    try:
        _start(service, web=web, flights_port=flights_port, flights=flights, faults=faults, payments_port=payments_port)
        while True:
            service.watch()
    except Stopped:
        service.stop()
        print("Stopped; everything is kept under var/.")
        return 0
    except CannotRun as reason:
        service.stop()
        print(reason, file=sys.stderr)
        return 1
    finally:
        kill_descendants()


if __name__ == "__main__":
    sys.exit(main())
