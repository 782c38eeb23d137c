"""Builds mails as they are sent: plain text, HTML beside it, and a file for the calendar."""

from email.charset import QP, Charset
from email.mime.text import MIMEText
from typing import Any

from django.core.mail import EmailMultiAlternatives

from bookings.ports.messages import Mail

# What a mail program offers the file as.
CALENDAR_FILE = "flight.ics"


def message_of(mail: Mail, *, sender: str, reply_to: str) -> EmailMultiAlternatives:
    """
    Build a mail. It is the same each time but for the time at which it is sent, and of ASCII alone.
    """
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=sender,
        to=[mail.to],
        reply_to=[reply_to] if reply_to else None,
        headers={
            "Message-ID": f"<{mail.key}@{domain_of(sender)}>",
            # No answer by a machine is wanted, and none by this one is ever sent.
            "Auto-Submitted": "auto-generated",
            "Content-Language": mail.language,
        },
    )
    message.encoding = _ascii_alone()
    message.attach_alternative(mail.html, "text/html")
    if mail.calendar:
        message.attach(_calendar(mail.calendar))
    return message


def bytes_of(message: EmailMultiAlternatives) -> bytes:
    """
    Write a mail as it goes over a line.

    :raises ValueError: if a header would have an end of a line in it
    """
    built: Any = message.message()  # of a class of Django's, which is not said
    return bytes(built.as_bytes(linesep="\r\n"))


def address_of(sender: str) -> str:
    """Give the bare address of a sender with a name."""
    return sender.rpartition("<")[2].rstrip(">")


def domain_of(sender: str) -> str:
    """Give the domain of a sender."""
    return address_of(sender).rpartition("@")[2]


def _ascii_alone() -> Charset:
    """Not each server takes other bytes, and lines of any length."""
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return charset


def _calendar(content: str) -> MIMEText:
    part = MIMEText(content, "calendar", "utf-8")
    part.set_param("method", "PUBLISH")
    part.add_header("Content-Disposition", "attachment", filename=CALENDAR_FILE)
    return part
