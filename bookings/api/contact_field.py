"""The shape of a contact: an address, a number for SMS, a language, and what is wanted beside mails."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings.text import mail_addresses, phone_numbers

# BCP 47, as far as it is looked at.
LOCALE = r"^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$"
LONGEST_LOCALE = 35

# What a traveler must ask for: an SMS costs money and wakes people, a reminder is no news.
SMS, REMINDERS = WISHES = ("sms", "reminders")

NAMES = {"email", "phone", "locale", "wants"}


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
            "phone": {
                "type": "string",
                "pattern": phone_numbers.PATTERN,
                "maxLength": phone_numbers.LONGEST,
                "example": "+4915123456789",
            },
            "locale": {"type": "string", "pattern": LOCALE, "maxLength": LONGEST_LOCALE, "example": "de-AT"},
            "wants": {
                "type": "array",
                "items": {"type": "string", "enum": list(WISHES)},
                "uniqueItems": True,
                "maxItems": len(WISHES),
                "example": [REMINDERS],
            },
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
        "phone": "`phone` must be a number in the form of E.164, as in +4915123456789, without blanks.",
        "locale": f"`locale` must be as in de or de-AT, with at most {LONGEST_LOCALE} characters.",
        "wants": "`wants` must be a list of sms and reminders, each at most once.",
        "sms": "`wants` names sms, so `phone` must say where to.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or not {"email"} <= set(data) <= NAMES:
            self.fail("invalid")
        wants = self._wants(data.get("wants", []))
        phone = self._phone(data["phone"]) if "phone" in data else ""
        if SMS in wants and not phone:
            self.fail("sms")
        return {
            "email": self._email(data["email"]),
            # Without the wish it is used for nothing, so it is not kept.
            "phone": phone if SMS in wants else "",
            "locale": self._locale(data["locale"]) if "locale" in data else "",
            "reminders": REMINDERS in wants,
        }

    def to_representation(self, value: Any) -> Any:
        return value

    def _email(self, email: Any) -> str:
        try:
            return mail_addresses.normal(email if isinstance(email, str) and email.isascii() else "")
        except ValueError:
            self.fail("email")

    def _phone(self, phone: Any) -> str:
        if not isinstance(phone, str) or not phone_numbers.is_normal(phone):
            self.fail("phone")
        return phone

    def _locale(self, locale: Any) -> str:
        if not isinstance(locale, str) or len(locale) > LONGEST_LOCALE or not re.fullmatch(LOCALE[1:-1], locale):
            self.fail("locale")
        return locale

    def _wants(self, wants: Any) -> list[str]:
        if not isinstance(wants, list) or any(each not in WISHES for each in wants) or len(set(wants)) < len(wants):
            self.fail("wants")
        return wants
