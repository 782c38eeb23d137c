from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class RecordState(models.TextChoices):
    RUNNING = "running"
    DONE = "done"


class IdempotencyRecord(models.Model):
    """
    What was asked under a client's key, and the answer it got.

    The key is stored as SHA-256 hex: MariaDB's collations take `Key`, `key` and `key ` for one, which would
    hand one client another's answer.
    """

    principal = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=48)
    key_hash = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    # The `hold_key` or `gateway_key` of what this request started, known before the row is written.
    call_key = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=7, choices=RecordState.choices, default=RecordState.RUNNING)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.TextField(blank=True, default="")
    location = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_record"
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(name="idempotency_record_key_unique", fields=["principal", "endpoint", "key_hash"]),
            models.CheckConstraint(
                name="idempotency_record_done_has_an_answer",
                condition=Q(state=RecordState.RUNNING, status_code=None)
                | Q(state=RecordState.DONE, status_code__isnull=False),
            ),
        ]
        indexes = [
            # The worker that finds an answer writes it under the key of the call.
            models.Index(name="idempotency_record_call", fields=["call_key"]),
            # The reaper: records that were answered long ago.
            models.Index(name="idempotency_record_age", fields=["state", "created_at"]),
            # The back office's search by key, of all callers and endpoints.
            models.Index(name="idempotency_record_key", fields=["key_hash"]),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key_hash[:8]}"
