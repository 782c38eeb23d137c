"""Runs the demo command as `manage.py` runs those of the service, which must not ship this one."""

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
    django.setup()

    from devtools.demo.load import Command

    Command().run_from_argv(["python -m", "devtools.demo", *sys.argv[1:]])
