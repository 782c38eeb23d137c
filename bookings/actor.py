"""Who acts. Pure."""

from dataclasses import dataclass

from django.db.models import TextChoices


class ActorKind(TextChoices):
    CUSTOMER = "customer"
    STAFF = "staff"
    SERVICE = "service"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Who asks for a change, and in which request.

    `user_id` is set for customers alone. `verified` says that something stronger than the request's own
    body names the customer: then a foreign booking must look like an unknown one.
    """

    kind: ActorKind
    name: str
    request_id: str = ""
    user_id: int | None = None
    verified: bool = True

    @property
    def is_staff(self) -> bool:
        return self.kind == ActorKind.STAFF


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="worker")
