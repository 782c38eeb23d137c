"""Makes a process of the service mortal as soon as Django is ready, whichever process it is."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from tests.campaigns import points


class Mortal(AppConfig):
    """Watches the crash points, if the settings name a flag."""

    name = "tests.campaigns"
    label = "campaigns"

    def ready(self) -> None:
        if settings.CRASH_FLAG:
            points.install(points.flag(Path(settings.CRASH_FLAG)))
