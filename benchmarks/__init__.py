"""Measurements that others can repeat: `make bench`. The service itself never imports this."""
