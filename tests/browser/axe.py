"""Looks for barriers on a page with axe-core."""

from typing import Any

from playwright.sync_api import Page

from devtools.processes import REPOSITORY

# Put there by devtools/venv.sh, from tests/browser/package-lock.json.
AXE = REPOSITORY / ".venv" / "npm" / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")


# Nothing is loaded for the sake of the one rule that wants it (on styles that force an orientation): axe would put
# it into the page as inline styles, which the page's policy forbids.
OPTIONS = "{resultTypes: ['violations'], preload: false}"


def barriers(page: Page) -> list[str]:
    """Describe each serious or critical violation that axe finds on the page as it is shown now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate(f"axe.run(document, {OPTIONS})")
    return [_described(violation) for violation in found["violations"] if violation["impact"] in SERIOUS]


def _described(violation: dict[str, Any]) -> str:
    """One of its places will do: the others mostly are more of the same."""
    first, places = violation["nodes"][0], len(violation["nodes"])
    reasons = [check["message"] for kind in ("any", "all", "none") for check in first[kind]]
    rule = f"{violation['id']} ({violation['impact']})"
    return f"{rule} in {places} place(s), {first['target'][0]}: {'; '.join(reasons)}"
