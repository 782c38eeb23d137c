from datetime import datetime
from typing import Any, NoReturn, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.actor import Scope
from bookings.models.append_only import RecordedAction


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def with_database_time(self) -> Self:
        """Add `read_at`, the database time of this very statement."""
        return self.annotate(read_at=Now())


class ApiKey(models.Model):
    """
    A service that may call the API, and the salted hashes of its secrets.

    `key_id` is its name in idempotency records, limits and logs, and outlives its secrets: a rotation keeps
    it. A row is never deleted, so what a service did can always be traced to it.
    """

    key_id = models.CharField(max_length=16)
    name = models.CharField(max_length=80)
    # Words of `Scope`, with blanks between them.
    scopes = models.CharField(max_length=200)
    # Salt and SHA-256, both in hex, with a dollar sign between them.
    secret_hash = models.CharField(max_length=97)
    # The secret before the last rotation, until its callers have the new one.
    previous_secret_hash = models.CharField(max_length=97, blank=True, default="")
    previous_expires_at = models.DateTimeField(null=True, blank=True)
    # For each route; the default of services where it is null.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    # To the minute: a row that each request writes would make them queue.
    last_used_at = models.DateTimeField(null=True, blank=True)

    # The database time of the read; only on rows from `with_database_time()`.
    read_at: datetime

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_key"
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        default_permissions = ("view",)
        permissions = [("manage_api_keys", "Can make, rotate and revoke API keys")]
        constraints = [
            models.UniqueConstraint(name="api_key_id_unique", fields=["key_id"]),
            models.CheckConstraint(name="api_key_allows_something", condition=~models.Q(scopes="")),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"

    @property
    def granted(self) -> frozenset[Scope]:
        """What it may do. A word that this release does not know grants nothing."""
        return frozenset(Scope(word) for word in self.scopes.split() if word in Scope.values)

    @property
    def secret_mark(self) -> str:
        """Tells one secret from another without revealing either: a part of its salt."""
        return self.secret_hash[:12]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: revoke it."""
        raise TypeError("an API key is revoked, never deleted")


class ApiKeyEventKind(models.TextChoices):
    ISSUED = "issued"
    ROTATED = "rotated"
    REVOKED = "revoked"


class ApiKeyEvent(RecordedAction):
    """One action on a key: who did what, why, in which request. Append-only."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="events")
    what = models.CharField(max_length=7, choices=ApiKeyEventKind.choices)

    class Meta:
        db_table = "api_key_event"
        verbose_name = _("event of an API key")
        verbose_name_plural = _("events of API keys")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.what} {self.api_key_id}"
