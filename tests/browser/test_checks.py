"""That the checks of pages see what they are there to see."""

import pytest

from tests.browser.axe import barriers

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def test_axe_reports_a_barrier(page):
    page.set_content(
        '<html lang="en"><title>A page</title><h1>A page</h1>'
        '<p style="color: #bbb; background: #fff">hardly to be read</p><input type="text">'
    )

    assert [barrier.partition(",")[0] for barrier in barriers(page)] == [
        "color-contrast (serious) in 1 place(s)",
        "label (critical) in 1 place(s)",
    ]


def test_what_goes_wrong_behind_a_page_is_noted(page, watch):
    page.goto("/admin/login/")

    page.evaluate("console.error('a script complains')")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">red</p>')")
    with page.expect_response("**/missing.css"):
        page.evaluate("fetch('/static/missing.css')")

    assert [trouble.partition(" violates")[0] for trouble in watch.troubles] == [
        "console: a script complains",
        "console: Applying inline style",
        f"404: {page.url.removesuffix('/admin/login/')}/static/missing.css",
    ]
    watch.troubles.clear()


def test_the_styles_of_pages_are_really_there(page):
    with page.expect_response("**/admin/css/base.css") as of_django, page.expect_response("**/office.css") as own:
        page.goto("/admin/login/")

    assert (of_django.value.status, own.value.status) == (200, 200)
    assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--good')") == "#0b6b2e"
