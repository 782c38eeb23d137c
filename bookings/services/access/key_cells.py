"""Which cell has a client's key, so that one key stands for one request among all cells."""

# Note [One key, one cell]
# A cell keeps its clients' keys in its own database, and the request goes to the cell of its flight. So a client that
# sends one key with another flight might meet a cell that has never seen the key, and have two bookings. Before a cell
# looks into its own records it has the key written down as its own, in the Redis that all cells share: the first
# that asks has it for as long as a record may live, and every other one refuses. Only a mistake of a client is
# ever refused by it, so nothing is given back: a key that was refused elsewhere stays with the cell that saw it first.

from bookings.cells import cell, refuse_another_cell
from bookings.conf import IDEMPOTENCY_RETENTION, RETRY_AFTER_SECONDS
from bookings.errors import IdempotencyKeyReused, TemporarilyUnavailable
from bookings.ports import CellKeys, CellKeysUnavailable
from bookings.services.shared.idempotency import KeyedRequest

# Longer than any record of a key: the reaper deletes one in the hours after its retention.
KEPT_SECONDS = int(2 * IDEMPOTENCY_RETENTION.total_seconds())


def have_key_here(keyed: KeyedRequest, *, decides: int, keys: CellKeys | None) -> None:
    """
    See to it that a key stands for a request of this cell, and of no other. See Note [One key, one cell].

    :param decides: the flight, or the booking, that says which cell the request is of
    :raises WrongCell: if that is another; then the key is not touched
    :raises IdempotencyKeyReused: if the key stands for a request of another cell
    :raises TemporarilyUnavailable: if it cannot be found out
    """
    refuse_another_cell(decides)
    if keys is None:  # there is only one cell
        return
    this = cell()
    try:
        whose = keys.first_to_have(
            f"{keyed.principal} {keyed.endpoint} {keyed.key_hash}", asks=this.number, seconds=KEPT_SECONDS
        )
    except CellKeysUnavailable as error:
        raise TemporarilyUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    if whose != this.number:
        raise IdempotencyKeyReused
