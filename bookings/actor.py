"""Who acts, and what may be allowed to whom. Pure."""

from dataclasses import dataclass

from django.db.models import TextChoices


class ActorKind(TextChoices):
    CUSTOMER = "customer"
    STAFF = "staff"
    SERVICE = "service"
    SYSTEM = "system"


class Scope(TextChoices):
    """
    What a service's key may be allowed to do.

    Customers may do with what is theirs whatever is about bookings and payments.
    """

    BOOKINGS_READ = "bookings:read"
    BOOKINGS_WRITE = "bookings:write"
    PAYMENTS_WRITE = "payments:write"
    # Where all travelers of a user are reached, to forget it: for the service that deletes users.
    CONTACTS_ERASE = "contacts:erase"
    # Endpoints of webhooks, and what is sent there: of all bookings, and nothing for customers.
    WEBHOOKS_MANAGE = "webhooks:manage"
    # The details of /health/ready: nothing personal, and nothing for customers.
    OPERATIONS_READ = "operations:read"


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Who asks for something, and in which request.

    `user_id` is the user whose bookings it may see and change: a customer itself, or the one that a service
    acts for. None means all users. `verified` says that something stronger than the request's own body names
    the actor: then a foreign booking must look like an unknown one.
    """

    kind: ActorKind
    name: str
    request_id: str = ""
    user_id: int | None = None
    verified: bool = True

    @property
    def is_staff(self) -> bool:
        return self.kind == ActorKind.STAFF

    @property
    def is_outsider(self) -> bool:
        """A customer who proved who it is: it is not told the names and notes of those who work here."""
        return self.kind == ActorKind.CUSTOMER and self.verified


@dataclass(frozen=True, slots=True)
class Cause:
    """Who did something to a booking, why, and what they say about it: what its event keeps."""

    actor: Actor
    reason: str = ""
    note: str = ""


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="worker")
