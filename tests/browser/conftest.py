"""Fixtures of the browser tests: the service, a Chromium, and a page that nothing may go wrong on."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from devtools.processes import REPOSITORY
from tests.browser.chromium import start_chromium
from tests.browser.office import Office, open_anew, start_office
from tests.browser.watch import Watch
from tests.support.servers import Worker

SCREENSHOTS = REPOSITORY / "var" / "browser"
WIDE = {"width": 1280, "height": 800}

# All is on this machine: what takes longer hangs.
PAGE_MILLISECONDS = 15_000


@pytest.fixture(scope="package")
def browser(django_db_setup: Any) -> Iterator[Browser]:
    """
    One Chromium for all tests of this package; it ends with them, and its event loop too.

    Django refuses database work in a thread where an event loop runs, as it would block that loop. This loop is
    Playwright's own: it stands still while a test's own lines run, and runs only inside of Playwright's calls.
    """
    with pytest.MonkeyPatch.context() as patch, start_chromium() as started:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield started


@pytest.fixture(scope="package")
def running_office(django_db_setup: Any) -> Iterator[Office]:
    with start_office() as office:
        yield office


@pytest.fixture
def office(browser: Browser, running_office: Office, transactional_db: Any) -> Office:
    """The service, without a worker and without a booking."""
    open_anew(running_office)
    return running_office


@pytest.fixture
def worker(office: Office) -> Iterator[Worker]:
    """The background work, once a second."""
    with office.worker() as running:
        yield running


@pytest.fixture
def watched(browser: Browser, office: Office) -> Iterator[tuple[Page, Watch]]:
    context = browser.new_context(base_url=office.url, viewport=WIDE, reduced_motion="reduce")
    context.set_default_timeout(PAGE_MILLISECONDS)
    page = context.new_page()
    yield page, Watch(page, site=office.url)
    context.close()


@pytest.fixture
def watch(watched: tuple[Page, Watch]) -> Watch:
    """What has gone wrong on `page` so far; for a test that wants something to."""
    return watched[1]


@pytest.fixture
def page(watched: tuple[Page, Watch]) -> Iterator[Page]:
    """A page of a browser that knows nothing yet; errors behind it fail the test."""
    page, watch = watched
    yield page
    assert not watch.troubles, "\n".join(watch.troubles)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Keep a picture of the page that a test failed on, and say where."""
    report: pytest.TestReport = yield
    page = getattr(item, "funcargs", {}).get("page")
    if page is not None and report.failed and not page.is_closed():
        file = SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', item.name.lower()).strip('-')}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file, full_page=True)
        report.sections.append(("browser", f"{page.url} is pictured in {file}"))
    return report
