"""What came in for a booking, and what of it goes back."""

from bookings.models import Booking, Payment, Refund


def money_of(booking: Booking) -> tuple[list[Payment], list[Refund]]:
    """Read the payments of a booking and the refunds of them, each the oldest first. Two statements."""
    payments = list(Payment.objects.filter(booking=booking).order_by("pk"))
    return payments, list(Refund.objects.filter(payment__booking=booking).order_by("pk"))
