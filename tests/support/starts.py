"""
Runs short commands of the service, as processes of their own, with an environment of their own.

Python and the libraries take longer to load than most of these commands to run, so each is a fork of one process that
has loaded them. Nothing of this project is loaded there, and nothing that reads the environment when it is loaded.
"""

import atexit
import importlib
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path

from devtools.processes import REPOSITORY
from tests.support.forks import Forks, serve

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


def start(*command: str, env: dict[str, str], folder: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    """Run `-c PROGRAM` or `SCRIPT [ARGUMENT]…` in a folder, with this environment alone, for at most a minute."""
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, name) for name in ("out", "err")]
        code = _forks().live(command=command, env=env, folder=str(folder), files=[*map(str, files)])
        return subprocess.CompletedProcess(command, code, *(file.read_text() for file in files))


@cache
def _forks() -> Forks:
    forks = Forks("tests.support.starts", env=dict(os.environ)).__enter__()
    atexit.register(forks.__exit__)
    return forks


def _live(*, command: list[str], env: dict[str, str], folder: str, files: list[str]) -> int:
    """Be the process of one command: nothing is in its environment but what it was given."""
    with Path(os.devnull).open() as nothing, Path(files[0]).open("wb") as out, Path(files[1]).open("wb") as err:
        for number, file in enumerate((nothing, out, err)):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path[0] = folder
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in env
    code = _run(command)
    # As at the end of an interpreter, but for the freeing of everything, which takes longer than most commands.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _run(command: list[str]) -> int:
    """Run one command, and return its exit code."""
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


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    serve(_live)
