"""What is not Stripe's: by these addresses tests play the payer and the bank, set clock, faults and keys."""

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from paysim import bank, payer
from paysim.account import Account
from paysim.api import as_json
from paysim.courier import Courier
from paysim.errors import Refused
from paysim.faults import InvalidFaults, plan_from_json
from paysim.ledger import ledger
from paysim.wire import Reply, Request

if TYPE_CHECKING:
    from collections import deque

PREFIX = "/__"
# So many requests are remembered with their answers.
MAX_LOG = 2_000

_PAYER = re.compile(r"/__payer/([^/]+)")


class InvalidOrder(Exception):
    """The body of a request to the stand-in itself makes no sense."""


class Controls:
    """The addresses that begin with two underscores. A body is JSON, so no page of a stranger can send one."""

    def __init__(self, account: Account, courier: Courier, log: "deque[dict[str, Any]]") -> None:
        self._account, self._courier, self._log = account, courier, log

    async def answer(self, request: Request) -> Reply:
        """
        Carry out a request in one transaction.

        :raises sqlite3.Error: if the store fails; then nothing was done
        """
        try:
            order = _json_object(request)
            if request.method == "POST" and request.path == "/__notices" and "deliver" in order:
                return await self._deliver(order)
            with self._account.store.transaction():
                try:
                    content, status = self._carry_out(request, order), HTTPStatus.OK
                except Refused as refused:
                    if not refused.began:
                        raise
                    content, status = refused.as_json("req_of_the_payer"), HTTPStatus(refused.status)
        except Refused as refused:
            return Reply(refused.status, as_json(refused.as_json("req_of_the_payer")))
        except (InvalidOrder, InvalidFaults) as error:
            return Reply(HTTPStatus.BAD_REQUEST, as_json({"error": {"message": str(error)}}))
        return Reply(status, as_json(content))

    def _carry_out(self, request: Request, order: dict[str, Any]) -> object:
        matched = _PAYER.fullmatch(request.path)
        if matched is not None and request.method == "POST":
            return self._play(matched[1], order)
        match request.method, request.path:
            case "GET", "/__health":
                return {"status": "ok"}
            case "GET", "/__ledger":
                return ledger(self._account, request.query.removeprefix("by="))
            case "GET", "/__requests":
                return {"requests": list(self._log)}
            case "GET", "/__notices":
                return {"deliveries": self._courier.shown()}
            case "POST", "/__notices":
                self._account.store.set("notices_held", "true" if _flag(order, "hold") else "false")
                return {"hold": self._courier.holds}
            case "GET" | "POST", "/__clock":
                return self._clock(order)
            case "POST", "/__bank":
                return bank.carry_out(self._account, order)
            case "POST", "/__keys":
                return {"forgotten": self._account.store.forget(_text(order, "forget") or None)}
            case "POST", "/__faults":
                return self._change_faults(order)
            case "POST", "/__reset":
                self._account.store.start_over()
                self._log.clear()
                return {}
        raise Refused(HTTPStatus.NOT_FOUND, f"There is nothing at {request.method} {request.path}")

    def _play(self, secret: str, order: dict[str, Any]) -> object:
        return_url = order.get("return_url")
        if return_url is not None and not isinstance(return_url, str):
            raise InvalidOrder("return_url must be a text")
        step, card = _text(order, "do"), _text(order, "card")
        return payer.play(self._account, secret, step, card=card, return_url=return_url).shown

    def _clock(self, order: dict[str, Any]) -> object:
        seconds = order.get("advance_seconds", 0)
        if type(seconds) is not int or seconds < 0:
            raise InvalidOrder("advance_seconds must be a whole number, and not negative")
        self._account.store.set("shift", str(self._account.shift() + seconds))
        return {"now": self._account.now(), "ahead_seconds": self._account.shift()}

    def _change_faults(self, order: dict[str, Any]) -> object:
        seed = order.pop("seed", None)
        if seed is not None and type(seed) is not int:
            raise InvalidFaults("Wrong type: seed")
        self._account.faults.change(plan_from_json(order), seed=seed)
        return {}

    async def _deliver(self, order: dict[str, Any]) -> Reply:
        events = order["deliver"]
        if not isinstance(events, list) or not all(isinstance(each, str) for each in events):
            raise InvalidOrder("deliver must be a list of ids of events")
        answered = [{"event": each, "statuses": await self._courier.deliver(each)} for each in events]
        return Reply(HTTPStatus.OK, as_json({"delivered": answered}))


def _flag(order: dict[str, Any], name: str) -> bool:
    if not isinstance(order.get(name), bool):
        raise InvalidOrder(f"{name} must be true or false")
    return bool(order[name])


def _text(order: dict[str, Any], name: str) -> str:
    value = order.get(name, "")
    if not isinstance(value, str):
        raise InvalidOrder(f"{name} must be a text")
    return value


def _json_object(request: Request) -> dict[str, Any]:
    if request.method != "POST":
        return {}
    if request.body and not request.headers.get("content-type", "").startswith("application/json"):
        raise InvalidOrder("Send the Content-Type application/json")
    try:
        content = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidOrder("The body is not JSON") from error
    if not isinstance(content, dict):
        raise InvalidOrder("The body must be a JSON object")
    return content
