"""Who calls. Tokens take the place of `OpenAccess` where callers must prove it."""

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from bookings.actor import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Caller:
    """
    The authenticated caller of the API.

    `principal` is the scope of idempotency keys. `verified` says that the caller proved whom it acts for;
    otherwise it is trusted to name the user in the body.
    """

    principal: str
    verified: bool
    is_authenticated: bool = True

    def acting_for(self, user_id: int | None, *, request_id: str) -> Actor:
        """The actor of a request about this user's bookings."""
        return Actor(
            kind=ActorKind.CUSTOMER,
            name=str(user_id),
            request_id=request_id,
            user_id=user_id,
            verified=self.verified,
        )


class OpenAccess(BaseAuthentication):
    """API_AUTH=open: the caller is trusted. There is one principal, so a key is unique among all callers."""

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        return Caller(principal="open", verified=False), None
