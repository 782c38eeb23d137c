"""Reads how long what is over is kept."""

from bookingsite.config.env import whole_number


def kept() -> tuple[int, int]:
    """How many days the contact of a booking is kept, and how many months a booking; 0 months: for good."""
    days = whole_number("CONTACT_RETENTION_DAYS", default=30, low=0, high=3650)
    return days, whole_number("KEEP_MONTHS", default=0, low=0, high=120)
