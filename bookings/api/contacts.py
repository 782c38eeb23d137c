"""What a client says of a traveler: read, compared with what is proven, and kept out of fingerprints."""

from typing import Any

from rest_framework.request import Request

from bookings import wiring
from bookings.api.access import caller_of
from bookings.conf import sends_mail, sends_sms
from bookings.errors import InvalidRequest
from bookings.models.messages import Channel
from bookings.services.messages.contacts import Address, GivenContact, marks_of


def contact_in(request: Request, asked: dict[str, Any]) -> GivenContact | None:
    """
    Read the contact of a request; None: it has none.

    A customer whose token names a verified address can give that one alone: mail goes to no stranger. So it is with a
    number for SMS.

    :raises InvalidRequest: if it is another, or no mail is sent here, or no SMS
    """
    given = asked.get("contact")
    if given is None:
        return None
    if not sends_mail():
        raise InvalidRequest(fields={"contact": "No mail is sent here; leave it out."})
    if given["phone"] and not sends_sms():
        raise InvalidRequest(fields={"contact": "No SMS is sent here; `wants` must not name it."})
    caller = caller_of(request)
    if caller.email and caller.email.lower() != given["email"].lower():
        raise InvalidRequest(fields={"contact": "The token names another address; send that one."})
    if given["phone"] and caller.phone not in ("", given["phone"]):
        raise InvalidRequest(fields={"contact": "The token names another number; send that one."})
    address = Address(given["email"], given["phone"])
    return GivenContact(address, language=given["locale"], wants_reminders=given["reminders"])


def without_address(asked: dict[str, Any], contact: GivenContact | None) -> dict[str, Any]:
    """Give what a request is known by: with the mark of an address in its place, which tells it to no one."""
    if contact is None:
        return asked
    # By the oldest key: a repeat after a change of keys is the same request, while that key is there.
    marks = [marks_of(contact.address, channel, seal=wiring.seal())[-1] for channel in Channel]
    return {**asked, "contact": [*marks, contact.language, contact.wants_reminders]}
