"""Demo log-ins and bookings: `python -m devtools.demo`."""
