"""Processes that are forked from one that has loaded what they need, one for each thing to do: each dies alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Self

from devtools.processes import REPOSITORY

SIGKILLED = -9

# Ends a process that hangs.
LIFE_SECONDS = 60


class Forks:
    """The process of a module that calls `serve`; used as a context manager."""

    def __init__(self, module: str, *, env: dict[str, str]) -> None:
        self._module, self._env = module, env

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=REPOSITORY,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def live(self, **asked: Any) -> int:
        """Let one process do what is asked, and give its exit code, or minus the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def serve(live: Callable[..., int | None]) -> None:
    """Fork a process for each line of the input, which does what the line says, and print how it has ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(LIFE_SECONDS)
                code = live(**json.loads(line)) or 0
            finally:
                # No clean-up of what was inherited from the process that has forked.
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
