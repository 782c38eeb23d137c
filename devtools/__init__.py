"""Tools for the developer's machine and CI; the service itself never imports them."""
