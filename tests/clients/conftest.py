"""The generated clients, made once for all tests of a process."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bookings.api.documents import openapi_document
from tests.clients.generated import (
    GeneratedClient,
    PythonClient,
    TypeScriptClient,
    make_python_client,
    make_typescript_client,
)

Connect = Callable[..., GeneratedClient]


@pytest.fixture(scope="session")
def description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("description") / "openapi.json"
    file.write_bytes(openapi_document())
    return file


@pytest.fixture(scope="session", params=["python", "typescript"])
def generated(request: pytest.FixtureRequest, description: Path, tmp_path_factory: pytest.TempPathFactory) -> Connect:
    """Make a client; give what connects it to a service."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "python":
        return partial(PythonClient, make_python_client(description, folder))
    return partial(TypeScriptClient, make_typescript_client(description, folder))


@pytest.fixture
def connect(generated: Connect) -> Iterator[Connect]:
    """Connect a client to an address, with a token or without; it is closed at the end of the test."""
    connected: list[GeneratedClient] = []

    def connect(url: str, token: str = "") -> GeneratedClient:
        connected.append(generated(url, token))
        return connected[-1]

    yield connect
    for client in connected:
        client.close()


@pytest.fixture
def document(description: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(description.read_bytes())
    return found
