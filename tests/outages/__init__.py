"""The service as real processes, while its database is there and does not answer."""
