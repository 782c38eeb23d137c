"""Clients that are generated out of the API's description, in Python and in TypeScript, behind one interface."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from devtools.processes import REPOSITORY

HERE = REPOSITORY / "tests" / "clients"
# Put there by devtools/venv.sh, from tests/clients/package-lock.json.
NODE_MODULES = REPOSITORY / ".venv" / "npm" / "tests" / "clients" / "node_modules"
BIN = REPOSITORY / ".venv" / "bin"


@dataclass(frozen=True)
class Heard:
    """What a generated client has made of an answer; `code` is empty for a success."""

    status: int
    success: bool
    code: str
    retryable: bool
    data: dict[str, Any]
    headers: Mapping[str, str]


class GeneratedClient(Protocol):
    """One connection of a generated client to a service."""

    def call(self, operation: str, **call: Any) -> Heard:
        """
        Call an operation by its id: `body`, `key` (the idempotency key), `seen` (the tag that it was seen
        with), `id`, `delivery`, `query`, `headers`.

        AssertionError if the client cannot read the answer as the description says.
        """

    def close(self) -> None: ...


def run(*words: str | Path, cwd: Path) -> None:
    """Run a tool; AssertionError, with what it said, if it fails."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def make_python_client(description: Path, folder: Path) -> ModuleType:
    """Generate the client as a package of this process, and import it."""
    (folder / "settings.yaml").write_text("post_hooks: []\n")
    run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--path", description, "--meta", "none"),
        *("--config", folder / "settings.yaml", "--output-path", folder / "generated_client", "--fail-on-warning"),
        cwd=folder,
    )
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("generated_client")
    finally:
        sys.path.remove(str(folder))


def make_typescript_client(description: Path, folder: Path) -> Path:
    """Generate the types, check the client by them, and give the folder in which it runs."""
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    for file in ("client.ts", "tsconfig.json"):
        shutil.copy(HERE / file, folder)
    run(NODE_MODULES / ".bin" / "openapi-typescript", description, "--output", folder / "schema.ts", cwd=folder)
    run(NODE_MODULES / ".bin" / "tsc", "--project", folder, cwd=folder)
    return folder


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _tag(operation: str) -> str:
    if operation in ("getServiceInfo", "listLinks"):
        return "service"
    return "webhooks" if "Webhook" in operation else "bookings"


class PythonClient:
    """The client of openapi-python-client."""

    def __init__(self, package: ModuleType, url: str, token: str = "") -> None:
        self._name = package.__name__
        # The description asks for a token, which an installation without tokens does not look at.
        self._client = package.AuthenticatedClient(
            base_url=url, token=token or "not looked at", raise_on_unexpected_status=True
        )

    def call(self, operation: str, **call: Any) -> Heard:
        name = _snake(operation)
        module = importlib.import_module(f"{self._name}.api.{_tag(operation)}.{name}")
        spelled = {"id": "id", "delivery": "delivery", "key": "idempotency_key", "seen": "if_match"}
        arguments = {spelled[word]: call[word] for word in spelled if word in call}
        models = importlib.import_module(f"{self._name}.models")
        named = f"{operation[0].upper()}{operation[1:]}"
        for name, value in call.get("query", {}).items():
            # Of a list the words are an enum of the client's own.
            is_list = isinstance(value, list)
            item = getattr(models, f"{named}{name[0].upper()}{name[1:]}Item") if is_list else None
            arguments[_snake(name)] = [item(word) for word in value] if item else value
        if "body" in call:
            arguments["body"] = getattr(models, f"{named}Request").from_dict(call["body"])
        with self._client.with_headers(call.get("headers", {})) as client:
            answer = module.sync_detailed(client=client, **arguments)
        parsed = answer.parsed
        assert not parsed.additional_properties, "the description leaves something out"
        return Heard(
            status=int(answer.status_code),
            success=parsed.success,
            code="" if parsed.success else str(parsed.error.code),
            retryable=False if parsed.success else parsed.error.retryable,
            data=parsed.data.to_dict(),
            headers={name.lower(): value for name, value in answer.headers.items()},
        )

    def close(self) -> None:
        """Each call has closed what it has opened."""


class TypeScriptClient:
    """The client of openapi-fetch, in a process of node that takes one call after the other."""

    def __init__(self, folder: Path, url: str, token: str = "") -> None:
        self._process = subprocess.Popen(
            [BIN / "node", "client.ts", url, token],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, operation: str, **call: Any) -> Heard:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"operation": operation, **call}) + "\n")
        self._process.stdin.flush()
        return Heard(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()
