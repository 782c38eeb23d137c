from django.db import models


class UserHold(models.Model):
    """
    A user, as a row to lock while its unpaid bookings and seats are counted.

    Only where a cap is set, as one is unless both are 0. Locked before anything else; see docs/protocol.md.
    """

    user_id = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "user_hold"

    def __str__(self) -> str:
        return str(self.user_id)
