"""What a client says of a traveler: read, compared with what is proven, and kept out of fingerprints."""

from typing import Any

from rest_framework.request import Request

from bookings import wiring
from bookings.api.access import caller_of
from bookings.conf import sends_mail
from bookings.errors import InvalidRequest
from bookings.services.messages.contacts import Address, GivenContact, marks_of


def contact_in(request: Request, asked: dict[str, Any]) -> GivenContact | None:
    """
    Read the contact of a request; None: it has none.

    A customer whose token names a verified address can give that one alone: mail goes to no stranger.

    :raises InvalidRequest: if it is another, or no mail is sent here
    """
    given = asked.get("contact")
    if given is None:
        return None
    if not sends_mail():
        raise InvalidRequest(fields={"contact": "No mail is sent here; leave it out."})
    proven = caller_of(request).email
    if proven and proven.lower() != given["email"].lower():
        raise InvalidRequest(fields={"contact": "The token names another address; send that one."})
    return GivenContact(Address(given["email"]), language=given["locale"], wants_reminders=given["reminders"])


def without_address(asked: dict[str, Any], contact: GivenContact | None) -> dict[str, Any]:
    """Give what a request is known by: with the mark of an address in its place, which tells it to no one."""
    if contact is None:
        return asked
    # By the oldest key: a repeat after a change of keys is the same request, while that key is there.
    mark = marks_of(contact.address, seal=wiring.seal())[-1]
    return {**asked, "contact": [mark, contact.language, contact.wants_reminders]}
