"""Callers of the API where it wants a token: customers, services, and whoever pretends to be one."""

import json
from datetime import timedelta
from typing import Any

from django.conf import settings

from bookings.actor import Scope
from bookings.services.access.api_keys import issue_api_key
from tests.support.api import Api
from tests.support.bookings import STAFF
from tests.support.signers import LEFT_OUT, by_secret, good_token


def a_token(user_id: int = 1001, *, secret: str | None = None, headers: Any = None, **claims: Any) -> str:
    """Sign a customer's token as the user service does; a claim that is None is left out."""
    said = {name: LEFT_OUT if value is None else value for name, value in {"sub": str(user_id), **claims}.items()}
    return good_token("HS256", header=headers, claims=said, sign=by_secret(secret or settings.JWT_SECRETS[0]))


def a_service_key(*scopes: Scope, name: str = "gate agent", rate: int | None = None) -> str:
    """Issue a key with these scopes, or with all of them, and return its text."""
    _, text = issue_api_key(
        name=name,
        scopes=scopes or list(Scope),
        life=timedelta(days=1),
        requests_per_minute=rate,
        actor=STAFF,
    )
    return text


class CallerApi(Api):
    """A client of the API that sends a token, or none; an `Authorization` of its own goes before it."""

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self.token = token

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return super().get(path, query, **self._with_token(headers))

    def send(self, method: str, path: str, content: Any, *, key: str | None = None, headers: Any = None) -> Any:
        return super().send(method, path, content, key=key, headers=self._with_token(headers))

    def _with_token(self, headers: Any) -> dict[str, str]:
        return {**({} if self.token is None else {"Authorization": f"Bearer {self.token}"}), **(headers or {})}


def same_but_for_the_request(answer: Any) -> tuple[int, Any, dict[str, str]]:
    """An answer without what names the request: what is left of two refusals must not tell them apart."""
    body = json.loads(answer.content)
    body["error"].pop("requestId", None)
    headers = {name: value for name, value in answer.headers.items() if name not in PER_REQUEST}
    return answer.status_code, body, headers


# RateLimit-*: they count the caller's requests, not the bookings that it asks about.
PER_REQUEST = {"X-Request-ID", "RateLimit-Remaining", "RateLimit-Reset"}
