"""The clients that run the list of behaviors, behind one interface: a call in; status and JSON of the answer out."""

from collections.abc import Mapping
from typing import Any, Protocol

import stripe

Answer = tuple[int, dict[str, Any]]


class Client(Protocol):
    """One client of Stripe at one address."""

    def call(self, operation: str, ids: tuple[str, ...], params: Mapping[str, Any], key: str) -> Answer:
        """Call an operation; give what came, errors too."""

    def close(self) -> None: ...


class PythonClient:
    """Stripe's own library for Python."""

    def __init__(self, secret: str, url: str | None) -> None:
        addresses = {} if url is None else {"base_addresses": {"api": url}}
        self._client = stripe.StripeClient(
            secret, http_client=stripe.RequestsClient(timeout=30), max_network_retries=0, **addresses
        )

    def call(self, operation: str, ids: tuple[str, ...], params: Mapping[str, Any], key: str) -> Answer:
        service: Any = self._client.v1
        for word in operation.split("."):
            service = getattr(service, word)
        options = {"idempotency_key": key} if key else {}
        try:
            found = service(*ids, params=dict(params), options=options)
        except stripe.StripeError as error:
            return error.http_status or 0, dict(error.json_body or {})
        response = found.last_response
        return response.code, dict(response.data)

    def close(self) -> None:
        """Each call has closed what it opened, or leaves it to the library."""
