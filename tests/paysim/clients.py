"""The clients that run the list of behaviors, behind one interface: a call in; status and JSON of the answer out."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import stripe

from devtools.processes import REPOSITORY
from tests.paysim.behaviors import OPERATIONS

HERE = REPOSITORY / "tests" / "paysim"
NODE = REPOSITORY / ".venv" / "bin" / "node"
# Put there by devtools/venv.sh, from tests/paysim/package-lock.json.
NODE_MODULES = REPOSITORY / ".venv" / "npm" / "tests" / "paysim" / "node_modules"

Answer = tuple[int, dict[str, Any]]


class Client(Protocol):
    """One client of Stripe at one address."""

    def call(self, operation: str, ids: tuple[str, ...], params: Mapping[str, Any], key: str) -> Answer:
        """Call an operation; give what came, errors too."""

    def close(self) -> None: ...


class PythonClient:
    """Stripe's own library for Python; keeps all `answers`."""

    def __init__(self, secret: str, url: str | None) -> None:
        addresses = {} if url is None else {"base_addresses": {"api": url}}
        self.answers: list[dict[str, Any]] = []
        self._client = stripe.StripeClient(
            secret, http_client=stripe.RequestsClient(timeout=30), max_network_retries=0, **addresses
        )

    def call(self, operation: str, ids: tuple[str, ...], params: Mapping[str, Any], key: str) -> Answer:
        service: Any = self._client.v1
        for word in operation.split("."):
            service = getattr(service, word)
        options = {"idempotency_key": key} if key else {}
        try:
            response = service(*ids, params=dict(params), options=options).last_response
            status, answer = response.code, dict(response.data)
        except stripe.StripeError as error:
            status, answer = error.http_status or 0, dict(error.json_body or {})
        self.answers.append(answer)
        return status, answer

    def close(self) -> None:
        """Each call has closed what it opened, or leaves it to the library."""


class NodeClient:
    """Stripe's own library for Node, in a process that takes one call after the other."""

    def __init__(self, secret: str, url: str) -> None:
        parts = urlsplit(url)
        self._process = subprocess.Popen(
            [NODE, HERE / "client.mjs", NODE_MODULES, secret, parts.scheme, str(parts.hostname), str(parts.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, operation: str, ids: tuple[str, ...], params: Mapping[str, Any], key: str) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        call = {"operation": operation, "ids": ids, "params": params, "key": key}
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["body"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)


class CommandLineClient:
    """Stripe's own command line, written in Go: a process for each call."""

    def __init__(self, secret: str, url: str, home: Path) -> None:
        self._address = ("--api-base", url)
        # Its key, a home without settings of the developer, and no way out of this machine, whatever it wants there.
        self._environment = {
            "HOME": str(home),
            "STRIPE_API_KEY": secret,
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
            "STRIPE_NO_AUTO_UPDATE": "1",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }

    def call(self, operation: str, ids: tuple[str, ...], params: Mapping[str, Any], key: str) -> Answer:
        method, path = OPERATIONS[operation]
        form = [word for name, value in flat(params) for word in ("--data", f"{name}={value}")]
        keyed = ("--idempotency", key) if key else ()
        done = subprocess.run(
            [
                NODE,
                NODE_MODULES / "@stripe/cli/bin/shim.js",
                method.lower(),
                path.format(*ids),
                *form,
                *keyed,
                "--show-headers",
                *self._address,
            ],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        (status,) = re.findall(r"^< HTTP (\d+)", done.stderr, re.MULTILINE)
        return int(status), json.loads(done.stdout)

    def close(self) -> None:
        """Each call was a process."""


def flat(params: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, str]]:
    """Give parameters as a form has them, as `metadata[key]` or `expand[0]`."""
    for name, value in params.items():
        full = f"{inside}[{name}]" if inside else str(name)
        if isinstance(value, Mapping):
            yield from flat(value, full)
        elif isinstance(value, list | tuple):
            yield from flat(dict(enumerate(value)), full)
        else:
            yield full, str(value).lower() if isinstance(value, bool) else str(value)
