from datetime import datetime
from typing import Any, NoReturn, Self

from django.db import models

from bookings.actor import Actor, ActorKind


class AppendOnly(models.Model):
    """A row that is part of the record: written once, never changed, never deleted."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a row that is there is never changed."""
        if not self._state.adding:
            raise TypeError(f"a {self._meta.verbose_name} is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: it is part of the record."""
        raise TypeError(f"a {self._meta.verbose_name} is never deleted")


class RecordedAction(AppendOnly):
    """One action on a row: who did it, in which request, when, and with which note."""

    actor_kind = models.CharField(max_length=8, choices=ActorKind.choices)
    actor_name = models.CharField(max_length=150)
    note = models.CharField(max_length=500, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        abstract = True

    @classmethod
    def by(cls, actor: Actor, *, at: datetime, **columns: Any) -> Self:
        """Make a row that says who acted, and when. It is not saved."""
        return cls(
            actor_kind=actor.kind,
            actor_name=actor.name[:150],
            request_id=actor.request_id,
            created_at=at,
            **columns,
        )
