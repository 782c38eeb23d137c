"""
Runs short commands of the service, as processes of their own, with an environment of their own.

Python and the libraries take longer to load than most of these commands to run, so each is a fork of one process that
has loaded them. Nothing of this project is loaded there, and nothing that reads the environment when it is loaded.
"""

import atexit
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "MySQLdb",
    "asyncio",
    "django.core.management",
    "django.db.models",
    "environ",
    "iso4217",
    "jwt",
    "pycurl",
    "structlog",
)
SECONDS = 60


def start(*command: str, env: dict[str, str], folder: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    """Run `-c PROGRAM` or `SCRIPT [ARGUMENT]…` in a folder, with this environment alone, for at most a minute."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([command, env, str(folder)]) + "\n")
    server.stdin.flush()
    return subprocess.CompletedProcess(command, *json.loads(server.stdout.readline()))


@cache
def _server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.starts"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> tuple[list[str], dict[str, str], str]:
    """Start what is asked for, until nothing more is; return in each new process, with all that it needs."""
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _redirect(out, err)
                command, env, folder = json.loads(line)
                return command, env, folder
            _, status = os.waitpid(child, 0)
            said = [_text(out), _text(err)]
        print(json.dumps([os.waitstatus_to_exitcode(status), *said]), flush=True)
    sys.exit()


def _redirect(out: IO[bytes], err: IO[bytes]) -> None:
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _run(command: list[str], env: dict[str, str], folder: str) -> int:
    """Run one command, and return its exit code."""
    signal.alarm(SECONDS)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path[0] = folder
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in env
    first, *arguments = command
    try:
        if first == "-c":
            program, *arguments = arguments
            sys.argv = [first, *arguments]
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = command
            runpy.run_path(first, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Load the libraries, and start what is asked for until nothing more is."""
    for library in LIBRARIES:
        importlib.import_module(library)
    code = _run(*_serve())
    # As at the end of an interpreter, but for the freeing of everything, which takes longer than most commands.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
