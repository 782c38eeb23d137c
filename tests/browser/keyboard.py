"""Walks a page as somebody without a mouse does."""

from playwright.sync_api import Page

# More than any page has, so that a focus that goes round in circles ends.
MOST_STEPS = 200

FOCUSED = """() => {
    const at = document.activeElement;
    const label = at.labels && at.labels.length ? at.labels[0].innerText : '';
    return (at.getAttribute('aria-label') || label || at.innerText || at.value || '').trim();
}"""
# An element that has the focus must show it.
SHOWS_FOCUS = """() => {
    const style = getComputedStyle(document.activeElement);
    return (style.outlineStyle !== 'none' && style.outlineWidth !== '0px') || style.boxShadow !== 'none';
}"""


def tab_to(page: Page, name: str) -> None:
    """
    Press Tab until the link, button or field of this name has the focus.

    :raises AssertionError: if Tab never comes there, or nothing shows that it has
    """
    seen = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1] == name:
            assert page.evaluate(SHOWS_FOCUS), f"nothing shows that {name} has the focus"
            return
    raise AssertionError(f"Tab does not come to {name}, only to {list(dict.fromkeys(seen))}")


def enter(page: Page) -> None:
    """Press Enter, and wait until the page that it leads to is all there: its scripts listen to keys."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
