"""Runs long campaigns, outside of pytest, on a database of their own."""

import os
import runpy
from collections.abc import Sequence

from devtools.mariadb import PrivateMariaDB


def run_on_private_mariadb(module: str, *, settings: str = "bookingsite.settings", options: Sequence[str] = ()) -> None:
    """
    Run a module as a program on a private MariaDB, which it finds as `server`.

    The database is named in the environment first: Django reads its settings when the module imports it. `options`
    are its server's own.
    """
    with PrivateMariaDB(*options) as server:
        os.environ.update(
            DATABASE_URL=server.url,
            DEBUG="true",
            ENV_FILE="",
            LOG_LEVEL="CRITICAL",
            DJANGO_SETTINGS_MODULE=settings,
        )
        runpy.run_module(module, init_globals={"server": server}, run_name="__main__")
