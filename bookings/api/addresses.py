"""The addresses that a client begins with."""

LINKS = {
    "bookings": "/api/v1/bookings",
    "events": "/api/v1/events",
    "info": "/api/v1/info",
    "openapi": "/api/v1/openapi.json",
    "docs": "/api/v1/docs",
}
