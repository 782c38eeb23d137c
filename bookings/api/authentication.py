"""Who calls: a customer by a token of the user service, a service by its key, or any client where all are trusted."""

from dataclasses import dataclass, field
from http import HTTPStatus

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from bookings import wiring
from bookings.actor import Actor, ActorKind, Scope
from bookings.api.tokens import TokenExpired, TokenRefused, TokenRules, customer_of
from bookings.conf import RETRY_AFTER_SECONDS
from bookings.errors import TemporarilyUnavailable, UserMismatch
from bookings.observability import log_context
from bookings.ports import SigningKeysUnavailable
from bookings.services.access.api_keys import recognize_api_key

# What customers may do with what is theirs.
BOOKING_SCOPES = frozenset(Scope) - {Scope.OPERATIONS_READ, Scope.WEBHOOKS_MANAGE}


@dataclass(frozen=True, slots=True)
class Caller:
    """
    The authenticated caller of the API.

    `principal` is the scope of idempotency keys and limits. `user_id` is a customer's own; `service` the name
    of a service. With neither, the caller is trusted to name the user in the body (API_AUTH=open).
    """

    principal: str
    scopes: frozenset[Scope] = BOOKING_SCOPES
    user_id: int | None = None
    # Of a customer: what the user service has verified; empty where it says of none.
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    service: str = ""
    requests_per_minute: int | None = None
    is_authenticated: bool = True

    def acting_for(self, user_id: int | None, *, request_id: str) -> Actor:
        """
        The actor of a request that names this user in its body.

        :raises UserMismatch: if a customer names another user
        """
        if self.user_id is not None:
            if user_id not in (None, self.user_id):
                raise UserMismatch("The token is another user's; leave userId out, or send your own.")
            return self.reading(request_id=request_id)
        kind, name = (ActorKind.SERVICE, self.service) if self.service else (ActorKind.CUSTOMER, str(user_id))
        return Actor(kind=kind, name=name, request_id=request_id, user_id=user_id, verified=bool(self.service))

    def reading(self, *, request_id: str) -> Actor:
        """The actor of a request that reads: a customer sees what is its own, every other caller sees all."""
        if self.user_id is not None:
            name, kind = str(self.user_id), ActorKind.CUSTOMER
        else:
            name, kind = self.service or self.principal, ActorKind.SERVICE
        return Actor(kind=kind, name=name, request_id=request_id, user_id=self.user_id)


# What every client may do with API_AUTH=open.
TRUSTED = Caller(principal="open", scopes=BOOKING_SCOPES | {Scope.WEBHOOKS_MANAGE})


class NotAuthenticated(AuthenticationFailed):
    """
    No proof of who calls, or one that does not hold.

    :param code: what the API calls it
    :param problem: what RFC 6750 calls it
    """

    status_code = HTTPStatus.UNAUTHORIZED

    def __init__(self, explanation: str, *, code: str, problem: str = "") -> None:
        super().__init__(explanation)
        self.code = code
        self.challenge = f'{REALM}, error="{problem}"' if problem else REALM


REALM = 'Bearer realm="bookings"'
SEND_ONE = "Send a token: Authorization: Bearer …"


class BearerAuthentication(BaseAuthentication):
    """
    `Authorization: Bearer`, with a customer's token or a service's key. Nothing else: no cookie, no parameter.

    With API_AUTH=open nothing is looked at.
    """

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        caller = TRUSTED if settings.API_AUTH == "open" else _caller_of(_bearer(request))
        kind = "customer" if caller.user_id is not None else caller.principal
        log_context.add(caller=kind)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return REALM


def _bearer(request: Request) -> str:
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if not header:
        raise NotAuthenticated(SEND_ONE, code="token_missing")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated(SEND_ONE, code="token_missing", problem="invalid_request")
    return token


def _caller_of(token: str) -> Caller:
    if token.startswith("fbs_"):
        key = recognize_api_key(token)
        if key is None:
            raise NotAuthenticated("The key is not valid.", code="token_invalid", problem="invalid_token")
        return Caller(
            principal=f"service:{key.key_id}",
            scopes=key.granted,
            service=key.name,
            requests_per_minute=key.requests_per_minute,
        )
    rules = TokenRules(issuer=settings.JWT_ISSUER, audience=settings.JWT_AUDIENCE)
    try:
        customer = customer_of(token, keys=wiring.signing_keys(), rules=rules)
    except TokenRefused as error:
        code = "token_expired" if isinstance(error, TokenExpired) else "token_invalid"
        raise NotAuthenticated(str(error), code=code, problem="invalid_token") from error
    except SigningKeysUnavailable as error:
        raise TemporarilyUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    principal = f"user:{customer.user_id}"
    return Caller(principal=principal, user_id=customer.user_id, email=customer.email, phone=customer.phone)
