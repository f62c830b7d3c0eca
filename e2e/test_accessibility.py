"""Every page, in both themes and both sizes: nothing that axe finds, and nothing to scroll to sideways."""

import pytest
from playwright.sync_api import expect

from e2e.axe import COLOURS, FINDINGS, RULES, WIDER, findings, prepare
from e2e.pages import Tour, Visit

pytestmark = pytest.mark.django_db(transaction=True)
# What opens on a page, by what is pressed, and in which sizes that is there.
OPENS = [
    ("/w/acme/", "button[data-switcher]", "#switcher:has(.pop__head)", (1280, 390)),
    ("/w/acme/", "[data-palette]", "#dialog:has(h2)", (390,)),
    ("/w/acme/", "[popovertarget=help]", "#help", (1280,)),
    ("/w/acme/", "[popovertarget=more]", "#more", (390,)),
    ("/w/acme/members/", "[popovertarget^=acts-]", ".pop--menu:popover-open", (1280, 390)),
    ("/w/acme/members/", ".page__actions [href$='/leave/']", "#dialog:has(h2)", (1280, 390)),
    ("/w/acme/invitations/", "form[hx-target='#dialog'] button", "#dialog:has(h2)", (1280, 390)),
    ("/w/acme/audit/", "[popovertarget=export]", "#export", (1280, 390)),
    ("/w/acme/audit/", ".event > summary", ".event__more", (1280, 390)),
]


@pytest.fixture
def tour(companies, live_server) -> Tour:
    return Tour(companies)


@pytest.fixture
def page(open_browser):
    return prepare(open_browser(viewport={"width": 1280, "height": 900}, reduced_motion="reduce"))


def test_every_page_is_for_everybody(page, tour):
    visits = tour.visits()
    found = {}
    for visit in visits:
        page.emulate_media(color_scheme="light")
        tour.go(page, visit)
        found[str(visit)] = list(findings(page))

    assert len(visits) > 100
    wrong = {visit: complaints for visit, complaints in found.items() if complaints}
    assert wrong == {}, "\n".join(f"{visit}: {complaints}" for visit, complaints in wrong.items())


def test_what_opens_on_a_page_is_for_everybody(page, tour):
    found = {}
    for path, button, opened, widths in OPENS:
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            tour.go(page, Visit("owner", path))
            page.locator(button).locator("visible=true").first.click()
            expect(page.locator(opened).first).to_be_visible()
            for scheme, rules in (("light", RULES), ("dark", COLOURS)):
                page.emulate_media(color_scheme=scheme)
                # Only what opened: axe does not know the top layer, and takes what lies below it for covered.
                complaints = page.evaluate(FINDINGS, [rules, opened]) + page.evaluate(WIDER)
                found[f"{path} {button} {width} {scheme}"] = complaints

    assert {opened: complaints for opened, complaints in found.items() if complaints} == {}
