"""The stand-in for Stripe as a process of the tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support.processes import CALL_SECONDS, Server, python

SECRET = "sk_test_paysim0000000000"
WEBHOOK_SECRET = "whsec_paysim0000000000"


class PaySim(Server):
    """
    One stand-in for Stripe: its address, its ledger, and ways to play payer and bank, and to end it.

    `url` and the database stay the same from one `start()` to the next.
    """

    def __init__(self, *options: str, database: Path) -> None:
        super().__init__()
        self.database, self.url = database, ""
        self._options = options

    def start(self) -> None:
        """Start it and wait until it listens: on a free port the first time, on the same one later."""
        port = self.url.rpartition(":")[2] or "0"
        known = ("--secret", SECRET, "--webhook-secret", WEBHOOK_SECRET)
        self.words = python("-m", "paysim", "--port", port, "--database", str(self.database), *known, *self._options)
        before = len(self.printed(last=0))
        super().start()
        self.await_sign(lambda: " listening on " in self.printed(last=0)[before:])
        self.url = self.printed(last=0)[before:].split()[3]

    def api(self, method: str, path: str, key: str | None = None, **form: str | int) -> requests.Response:
        """Send one request to Stripe's API as a form, by hand."""
        headers = {} if key is None else {"Idempotency-Key": key}
        sent = {"params" if method == "GET" else "data": form}
        return requests.request(
            method, f"{self.url}/v1/{path}", headers=headers, auth=(SECRET, ""), timeout=CALL_SECONDS, **sent
        )

    def payer(self, client_secret: str, do: str, **more: str) -> dict[str, Any]:
        """Play the payer: confirm with a `card`, authenticate, fail_authentication, walk_away; a decline comes too."""
        return self.control("POST", f"/__payer/{client_secret}", {"do": do, **more}, accepted=(200, 402))

    def bank(self, do: str, **more: Any) -> dict[str, Any]:
        """Play the bank: processing_succeeds, refund_fails and so on; give what changed."""
        return self.control("POST", "/__bank", {"do": do, **more})

    def clock(self, advance_seconds: int = 0) -> dict[str, Any]:
        """Move the time of the account on."""
        return self.control("POST", "/__clock", {"advance_seconds": advance_seconds})

    def ledger(self, by: str) -> dict[str, dict[str, Any]]:
        """Give what was charged and refunded for each value of a metadata key."""
        return self.control("GET", f"/__ledger?by={by}")

    def requests(self) -> list[dict[str, Any]]:
        """Give the requests to the API that it remembers, with their answers, the oldest first."""
        found: list[dict[str, Any]] = self.control("GET", "/__requests")["requests"]
        return found

    def notices(self) -> list[dict[str, Any]]:
        """Give all deliveries of notices."""
        found: list[dict[str, Any]] = self.control("GET", "/__notices")["deliveries"]
        return found

    def hold_notices(self, hold: bool = True) -> None:
        """Send no notice but those that `deliver` names, or go on sending."""
        self.control("POST", "/__notices", {"hold": hold})

    def deliver(self, *events: str) -> list[list[int]]:
        """Send these events now, one after the other, and give the statuses of the answers to each."""
        answer = self.control("POST", "/__notices", {"deliver": list(events)})
        return [each["statuses"] for each in answer["delivered"]]

    def forget_keys(self, key: str = "") -> int:
        """Forget what was answered under a key, or under all, and give how many were known."""
        forgotten: int = self.control("POST", "/__keys", {"forget": key})["forgotten"]
        return forgotten

    def faults(self, **plan: Any) -> None:
        """Follow this plan and no other; without arguments all faults are off. A reset leaves them alone."""
        self.control("POST", "/__faults", plan)

    def reset(self) -> None:
        """Forget everything."""
        self.control("POST", "/__reset", {})

    def control(
        self, method: str, path: str, content: dict[str, Any] | None = None, *, accepted: tuple[int, ...] = (200,)
    ) -> dict[str, Any]:
        """Ask what is not Stripe's; RuntimeError if it says no."""
        answer = requests.request(method, self.url + path, json=content, timeout=CALL_SECONDS)
        if answer.status_code not in accepted:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def start_paysim(*options: str, database: Path | None = None) -> Iterator[PaySim]:
    """Run a stand-in for Stripe for the length of the block, on a free port, with a database of its own."""
    with tempfile.TemporaryDirectory(prefix="paysim-") as folder:
        sim = PaySim(*options, database=database or Path(folder) / "paysim.sqlite3")
        sim.start()
        try:
            yield sim
        finally:
            sim.stop()
