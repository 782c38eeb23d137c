"""Seats by number, as clients send them."""

from typing import Any

from rest_framework import serializers

from bookings.text.seat_numbers import SEAT_NUMBER, in_order


class SeatNumbers(serializers.ListField):
    """Numbers of seats, as in 12A; in the order of the aeroplane, however they were sent."""

    default_error_messages = {
        "not_a_list": 'Must be a list of numbers of seats, as in ["12A", "12B"].',
        "number": "Each must be a row from 1 to 999 and a capital letter, as in 12A.",
        "twice": "Must name each seat once.",
    }

    def to_internal_value(self, data: Any) -> list[str]:
        numbers: list[str] = super().to_internal_value(data)
        if len(set(numbers)) < len(numbers):
            self.fail("twice")
        return [*in_order(numbers)]

    def run_child_validation(self, data: Any) -> list[str]:
        if not all(isinstance(number, str) and SEAT_NUMBER.fullmatch(number) for number in data):
            self.fail("number")
        return list(data)
