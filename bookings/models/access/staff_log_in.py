"""How staff log in: what happened at their log-ins, and what they prove themselves by besides a password."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.append_only import AppendOnly


class LogInEventKind(models.TextChoices):
    LOGGED_IN = "logged_in"
    FAILED = "failed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    CODES_MADE = "codes_made"
    LINK_MADE = "link_made"
    PASSWORD_SET = "password_set"  # noqa: S105  # nosec B105  # a word, and no password


class Proof(models.TextChoices):
    """What a user has shown, or has failed to show."""

    PASSWORD = "password"  # noqa: S105  # nosec B105  # a word, and no password
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"
    LINK = "link"
    SINGLE_SIGN_ON = "single_sign_on"


class LogInEvent(AppendOnly):
    """
    One thing that happened at a user's log-in: when, from where, by which proof, and who did it.

    Nothing that was typed is kept. The oldest are deleted, see `bookings.services.upkeep.reap`.
    """

    user = models.ForeignKey("auth.User", on_delete=models.CASCADE, related_name="log_in_events")
    what = models.CharField(max_length=16, choices=LogInEventKind.choices)
    # Of what came last: a log-in by password and code is one by code.
    proof = models.CharField(max_length=16, choices=Proof.choices, blank=True, default="")
    # As `bookingsite.web.middleware.client_address` tells it.
    address = models.CharField(max_length=45)
    # Who did it, where that was another one than the user.
    done_by = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "log_in_event"
        verbose_name = _("event of a log-in")
        verbose_name_plural = _("events of log-ins")
        default_permissions = ()
        permissions = [("reset_password", "Can make links by which staff set a new password")]
        indexes = [models.Index(name="log_in_event_by_age", fields=["created_at"])]  # for the reaper

    def __str__(self) -> str:
        return f"{self.what} {self.user_id}"


class Passkey(models.Model):
    """A passkey of a user, which a device has made for this site, and signs with. Only its public half is here."""

    user = models.ForeignKey("auth.User", on_delete=models.CASCADE, related_name="passkeys")
    # What its user calls it.
    name = models.CharField(max_length=60)
    # Its id and public key, as WebAuthn writes them, and the SHA-256 of that.
    credential = models.BinaryField(max_length=4096)
    credential_hash = models.CharField(max_length=64)
    # How often it has signed; 0 for those that do not count.
    sign_count = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "passkey"
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")
        default_permissions = ()
        constraints = [models.UniqueConstraint(name="passkey_unique", fields=["credential_hash"])]

    def __str__(self) -> str:
        return f"passkey of {self.user_id}"


class RecoveryCode(models.Model):
    """
    A code that takes the place of a lost second factor, once: then its row is deleted.

    A code is 80 random bits, so that one round of SHA-256 is as good as any slow hash.
    """

    user = models.ForeignKey("auth.User", on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64)

    class Meta:
        db_table = "recovery_code"
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(name="recovery_code_unique", fields=["user", "code_hash"])]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"


class StaffIdentity(models.Model):
    """
    Whom an identity provider's log-in opens this account for.

    `identity_hash` is the SHA-256 of the provider and its own name for the person: exact to the byte, as no comparison
    of text in this database is.
    """

    user = models.ForeignKey("auth.User", on_delete=models.CASCADE, related_name="staff_identities")
    issuer = models.CharField(max_length=255)
    identity_hash = models.CharField(max_length=64)

    class Meta:
        db_table = "staff_identity"
        verbose_name = _("connection with single sign-on")
        verbose_name_plural = _("connections with single sign-on")
        default_permissions = ()
        constraints = [models.UniqueConstraint(name="staff_identity_unique", fields=["identity_hash"])]

    def __str__(self) -> str:
        return f"identity of {self.user_id}"
