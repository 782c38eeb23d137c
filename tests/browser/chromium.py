"""Starts the Chromium of the system, without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# As devtools/system_packages.sh looks for them.
NAMES = ("chromium", "google-chrome", "chromium-browser")
OPTIONS = (
    # Tests run as root in containers, where the sandbox cannot be set up; they open pages of ours alone.
    "--no-sandbox",
    "--disable-gpu",
    # Nothing but the pages: no look for updates, no first steps, no other protocol than what is tested.
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)


@contextmanager
def start_chromium() -> Iterator[Browser]:
    """
    Run a browser for the length of the block.

    While it runs, an event loop of Playwright's counts as running in this thread, see `browser` in conftest.py.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise RuntimeError("no Chromium found: `sh devtools/system_packages.sh test` installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
