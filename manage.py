#!/usr/bin/env python
"""The command line of the Flight Booking Service."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as reason:
        # It says what to do; where it was raised helps nobody.
        sys.exit(f"FAIL  settings  {reason}")
