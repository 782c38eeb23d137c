"""Passkeys of staff: kept, and used as a second factor."""

import hashlib
from collections.abc import Sequence
from typing import Any

from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.models import Passkey
from bookings.models.access.staff_log_in import Proof
from bookings.ports import ProvenPasskey
from bookings.services.access.log_ins import Visit
from bookings.services.access.second_factor import WrongPasskey, add_factor


def known_passkeys(user: Any) -> Sequence[bytes]:
    """Give what is stored of a user's passkeys, as the one who verifies them reads it."""
    rows = Passkey.objects.filter(user=user).order_by("pk")
    return [bytes(each) for each in rows.values_list("credential", flat=True)]


def add_passkey(user: Any, *, name: str, proven: ProvenPasskey, visit: Visit, must_be_first: bool = False) -> list[str]:
    """Set up a passkey that was shown to work; return new recovery codes, if the user had none. See `add_app`."""
    mark = _hash(proven.credential)
    row = Passkey(
        user=user,
        name=name,
        credential=proven.credential,
        credential_hash=mark,
        sign_count=proven.sign_count,
        created_at=database_time(),
    )
    return add_factor(user, row, proof=Proof.PASSKEY, visit=visit, must_be_first=must_be_first, credential_hash=mark)


@in_transaction("second_factor.use_passkey")
def use_passkey(user: Any, proven: ProvenPasskey) -> Proof:
    """
    Note that a passkey was used.

    :raises WrongPasskey: if it is not this user's, or its count went back: then there are two of it, one of them a copy
    """
    mark = _hash(proven.credential)
    row = Passkey.objects.select_for_update().filter(user=user, credential_hash=mark).first()
    # Most passkeys do not count, and always say 0.
    counts = row is not None and (row.sign_count or proven.sign_count)
    if row is None or (counts and proven.sign_count <= row.sign_count):
        raise WrongPasskey
    row.sign_count, row.last_used_at = proven.sign_count, database_time()
    row.save(update_fields=["sign_count", "last_used_at"])
    return Proof.PASSKEY


def _hash(credential: bytes) -> str:
    return hashlib.sha256(credential).hexdigest()
