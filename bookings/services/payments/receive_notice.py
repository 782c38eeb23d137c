"""Keep what a payment gateway has told by itself, once, for the worker to look into."""

import enum
import re

from django.db.models.functions import Now

from bookings.db.packets import together
from bookings.db.rows import insertion
from bookings.db.transactions import in_one_statement
from bookings.models import GatewayNotice
from bookings.models.notices import GatewayNoticeKind, hash_of_event
from bookings.ports import NotGenuine, Notice, NoticeKind
from bookings.wake import wake_worker

# As long as the columns. No gateway's names have other characters, and nothing else reaches a page or a log.
NAME = re.compile(r"[\x21-\x7e]{1,255}")

KEPT = {
    NoticeKind.PAYMENT: GatewayNoticeKind.PAYMENT,
    NoticeKind.REFUND: GatewayNoticeKind.REFUND,
    NoticeKind.DISPUTE: GatewayNoticeKind.DISPUTE,
}


class Receipt(enum.StrEnum):
    """What became of a genuine notice."""

    STORED = "stored"
    # It came before.
    KNOWN = "known"
    # About nothing that this service has.
    IGNORED = "ignored"


def receive_notice(notice: Notice, *, gateway: str) -> Receipt:
    """
    Keep a notice that is proven to be the gateway's, without its content, and wake the worker.

    Does not look at what it is about: a gateway waits for a few seconds only, and may send thousands at once.

    :raises NotGenuine: if its names are such as no gateway gives
    """
    if notice.kind not in KEPT:
        return Receipt.IGNORED
    if not NAME.fullmatch(notice.event_id) or not NAME.fullmatch(notice.object_id):
        raise NotGenuine("a name that is empty, too long, or has characters that no name has")
    if not _keep(notice, gateway=gateway):
        return Receipt.KNOWN
    wake_worker()
    return Receipt.STORED


@in_one_statement("notice.stored")
def _keep(notice: Notice, *, gateway: str) -> bool:
    """Insert the notice unless it is there; tell whether it was new. The unique key decides between two at once."""
    row = GatewayNotice(
        gateway=gateway,
        event_id=notice.event_id,
        event_hash=hash_of_event(notice.event_id),
        kind=KEPT[notice.kind],
        object_id=notice.object_id,
        payment_key=notice.payment_key,
        made_at=notice.made_at,
        received_at=Now(),
        next_at=Now(),
    )
    (answer,) = together(insertion(row, or_leave=True))
    return answer.count > 0
