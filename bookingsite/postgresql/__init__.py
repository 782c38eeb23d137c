"""Django's backend for PostgreSQL, with the habits of our others."""
