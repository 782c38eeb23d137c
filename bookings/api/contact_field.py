"""The shape of a contact: an address, a language, and whether reminders are wanted."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings.text import mail_addresses

# BCP 47, as far as it is looked at.
LOCALE = r"^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$"
LONGEST_LOCALE = 35


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "email": {
                "type": "string",
                "pattern": mail_addresses.PATTERN,
                "maxLength": mail_addresses.LONGEST,
                "example": "ada@example.org",
            },
            "locale": {"type": "string", "pattern": LOCALE, "maxLength": LONGEST_LOCALE, "example": "de-AT"},
            "reminders": {"type": "boolean"},
        },
        "required": ["email"],
        "additionalProperties": False,
    }
)
class Contact(serializers.Field[Any, Any, Any, Any]):
    """Where the traveler of a booking is reached. It is shown in no answer."""

    default_error_messages = {
        "invalid": 'Must be an object, as in {{"email": "ada@example.org", "locale": "de-AT"}}, without other names.',
        "email": "`email` must be an address of mail in ASCII, without blanks, quotes or comments.",
        "locale": f"`locale` must be as in de or de-AT, with at most {LONGEST_LOCALE} characters.",
        "reminders": "`reminders` must be true or false.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or not {"email"} <= set(data) <= {"email", "locale", "reminders"}:
            self.fail("invalid")
        email, locale, reminders = data["email"], data.get("locale", ""), data.get("reminders", False)
        try:
            address = mail_addresses.normal(email if isinstance(email, str) and email.isascii() else "")
        except ValueError:
            self.fail("email")
        is_locale = isinstance(locale, str) and len(locale) <= LONGEST_LOCALE and re.fullmatch(LOCALE[1:-1], locale)
        if "locale" in data and not is_locale:
            self.fail("locale")
        if not isinstance(reminders, bool):
            self.fail("reminders")
        return {"email": address, "locale": locale, "reminders": reminders}

    def to_representation(self, value: Any) -> Any:
        return value
