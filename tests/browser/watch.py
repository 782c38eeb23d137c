"""Notes what goes wrong behind a page: nobody sees it there, and every test would pass."""

from playwright.sync_api import ConsoleMessage, Page, Request, Response

# Chromium says so of every answer that is no success, a page that a test wants refused included; `_response` knows
# which is which.
FAILED_RESOURCE = "Failed to load resource"


class Watch:
    """What a page's scripts, styles and requests did that they must not do, in the order it happened."""

    def __init__(self, page: Page, *, site: str) -> None:
        self.troubles: list[str] = []
        self._site = site
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # A violation of the Content Security Policy is an error here as well.
        if message.type == "error" and not message.text.startswith(FAILED_RESOURCE):
            self.troubles.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._site}/", "data:", "blob:")):
            self.troubles.append(f"asked another site: {request.url}")

    def _response(self, response: Response) -> None:
        is_page = response.request.resource_type == "document"
        if response.status >= (500 if is_page else 400):
            self.troubles.append(f"{response.status}: {response.url}")
