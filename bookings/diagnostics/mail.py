"""How it stands with what travelers are sent: whether mails and SMS are taken, and whether addresses can be opened."""

from collections.abc import Iterator
from datetime import timedelta

from bookings.db.clock import database_time
from bookings.diagnostics.finding import Finding, fail, ok, warn
from bookings.diagnostics.open_work import in_words
from bookings.models import Contact
from bookings.ports.messages import Mail, MessageChannel, Sms
from bookings.queries.messages import overdue_since, waiting_since
from bookings.services.messages.contacts import open_address
from bookings.services.shared.sealing import CannotOpen, Seal

# A server that does not answer within this takes no mail in time either.
TRIED_SECONDS = 10.0

# As the alert.
WAITS_FOR_LONG = timedelta(minutes=30)

# As the alert: what deletes them runs every five minutes.
OVERDUE = timedelta(hours=2)

# The newest contacts, and the oldest: what was sealed before the last change of keys.
OPENED = 5


def check_mail(mail: MessageChannel[Mail] | None, sms: MessageChannel[Sms] | None, seal: Seal) -> Iterator[Finding]:
    """Connect to the mail server and log in there, and at the service for SMS; send nothing."""
    if mail is None:
        yield ok("mail", "EMAIL_URL names no mail server: travelers are told nothing")
        return
    trouble = mail.try_out(seconds=TRIED_SECONDS)
    if trouble is None:
        yield ok("mail", "the mail server takes mails")
    else:
        yield fail("mail", f"the mail server takes none: {trouble.why}", "See EMAIL_URL and MAIL_CA_FILE.")
    yield _sms(sms)
    yield _addresses(seal)
    yield _waiting()
    yield _overdue()


def _sms(sms: MessageChannel[Sms] | None) -> Finding:
    if sms is None:
        return ok("sms", "SMS_URL names no one who sends SMS: travelers are told by mail alone")
    trouble = sms.try_out(seconds=TRIED_SECONDS)
    if trouble is None:
        return ok("sms", "the service for SMS knows the account")
    return fail("sms", f"the service for SMS takes none: {trouble.why}", "See SMS_URL and SMS_FROM.")


def _addresses(seal: Seal) -> Finding:
    contacts = Contact.objects.select_related("booking")
    tried = [*contacts.order_by("pk")[:OPENED], *contacts.order_by("-pk")[:OPENED]]
    closed = set()
    for contact in tried:
        try:
            open_address(contact, seal=seal)
        except CannotOpen:
            closed.add(contact.pk)
    if not closed:
        return ok("mail addresses", "SEAL_KEYS opens the addresses that were tried")
    said = f"SEAL_KEYS does not open {len(closed)} addresses of those that were tried"
    return fail("mail addresses", said, "Add the key that they were sealed with, behind the new one and a comma.")


def _waiting() -> Finding:
    since = waiting_since()
    waits = timedelta(0) if since is None else database_time() - since
    if waits <= WAITS_FOR_LONG:
        return ok("messages", "none waits for long")
    return warn("messages", f"the oldest has waited for {in_words(waits)}", "The worker's log says why: message.ended.")


def _overdue() -> Finding:
    since = overdue_since(database_time())
    overdue = timedelta(0) if since is None else database_time() - since
    if overdue <= OVERDUE:
        return ok("contacts", "none is kept longer than it may be")
    said = f"the address of a traveler should have been erased {in_words(overdue)} ago"
    return fail("contacts", said, 'Does "delete old rows" run, and does it end? See the page of the periodic work.')
