"""Seal addresses once more, with the newest key of this installation."""

from bookings.db.transactions import in_transaction
from bookings.models import Contact
from bookings.services.messages.contacts import newest_marks, open_address, place_of
from bookings.services.shared.sealing import Seal

# Contacts that are read together.
READ_AT_ONCE = 500


def reseal_contacts(*, seal: Seal) -> int:
    """
    Seal with the newest key what an older one has sealed, and mark it by that key; return how many contacts.

    :raises CannotOpen: if there is an address that no key opens
    """
    done, last = 0, 0
    while ids := list(Contact.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:READ_AT_ONCE]):
        done += sum(_reseal(booking_id, seal=seal) for booking_id in ids)
        last = ids[-1]
    return done


@in_transaction("contact.reseal")
def _reseal(booking_id: int, *, seal: Seal) -> bool:
    contact = Contact.objects.select_for_update().filter(pk=booking_id).first()
    if contact is None or not seal.is_old(bytes(contact.sealed)):
        return False
    address, place = open_address(contact, seal=seal), place_of(contact.booking.hold_key)
    contact.sealed = seal.seal(seal.open(bytes(contact.sealed), place=place), place=place)
    marks = newest_marks(address, seal=seal)
    for name, mark in marks.items():
        setattr(contact, name, mark)
    contact.save(update_fields=["sealed", *marks])
    return True
