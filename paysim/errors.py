"""The ways in which Stripe says no, as its clients know them."""

from http import HTTPStatus

Json = dict[str, object]

_DOCUMENTED = "https://docs.stripe.com/error-codes"


class Refused(Exception):
    """
    An answer that is an error: Stripe's envelope with type, code, message, parameter.

    `began` tells whether the endpoint had begun to execute: only then is the answer kept for the idempotency key.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str = "",
        param: str = "",
        began: bool = False,
        details: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.began = int(status), began
        self._words = {"code": code, "message": message, "param": param, "type": kind}
        self._details = details or {}

    def as_json(self, request_id: str) -> Json:
        """Return the body of the answer."""
        error: Json = {name: word for name, word in self._words.items() if word}
        if self._words["code"]:
            error["doc_url"] = f"{_DOCUMENTED}/{self._words['code'].replace('_', '-')}"
        error.update(self._details)
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


def invalid(message: str, *, param: str = "", code: str = "") -> Refused:
    """Return the refusal of a parameter: nothing has begun."""
    return Refused(HTTPStatus.BAD_REQUEST, message, code=code, param=param)


def not_built(what: str) -> Refused:
    """Return the refusal of what Stripe can do and this stand-in cannot."""
    return Refused(HTTPStatus.BAD_REQUEST, f"paysim has not built {what}", param=what)


def missing(kind: str, name: str, *, param: str, in_path: bool) -> Refused:
    """Return that there is no such object: 404 where the path names it, 400 where a parameter does."""
    status = HTTPStatus.NOT_FOUND if in_path else HTTPStatus.BAD_REQUEST
    return Refused(status, f"No such {kind}: '{name}'", code="resource_missing", param=param)


def unknown_address(method: str, path: str) -> Refused:
    """Return that there is nothing at this address."""
    return Refused(
        HTTPStatus.NOT_FOUND,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
    )


def not_permitted(masked: str, right: str) -> Refused:
    """Return that a restricted key lacks a right: said before anything else is looked at."""
    return Refused(
        HTTPStatus.FORBIDDEN,
        f"The provided key '{masked}' does not have the required permissions for this endpoint on account "
        f"'acct_paysim'. Having the '{right}' permission would allow this request to continue.",
    )


def failed() -> Refused:
    """Return the error of Stripe itself, which says nothing of what was done."""
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "An unexpected error has occurred on Stripe's end. Try again later.",
        kind="api_error",
        began=True,
    )


def too_many_requests() -> Refused:
    """Return that there were too many requests: said before the key is looked at."""
    return Refused(HTTPStatus.TOO_MANY_REQUESTS, "Request rate limit exceeded.", code="rate_limit")


def object_is_locked() -> Refused:
    """Return that another request or process has the object."""
    return Refused(
        HTTPStatus.TOO_MANY_REQUESTS,
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it.",
        code="lock_timeout",
    )


def key_in_use(key: str) -> Refused:
    """Return that a request with this key is under way."""
    return Refused(
        HTTPStatus.CONFLICT,
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )
