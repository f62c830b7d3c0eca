"""Every page, in both themes and both sizes: nothing that axe finds, and nothing to scroll to sideways."""

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from e2e.pages import Tour, Visit

pytestmark = pytest.mark.django_db(transaction=True)
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]  # what a theme can change
# A colour on its way from one theme to the other is none of either.
AT_ONCE = """
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets = [sheet];
"""
FINDINGS = """async ([rules, where]) => {
  const { violations } = await axe.run(where, { runOnly: rules, resultTypes: ["violations"], preload: false });
  const told = (rule, node) => `${rule.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`;
  return violations.flatMap((rule) => rule.nodes.map((node) => told(rule, node)));
}"""
WIDER = """() => {
  const page = document.documentElement, over = page.scrollWidth - page.clientWidth;
  const outside = (element) => element.getBoundingClientRect().right > page.clientWidth + 1;
  const widest = [...document.querySelectorAll("body *")].findLast(outside)?.outerHTML.slice(0, 160);
  return over > 0 ? [`${over} px wider than ${page.clientWidth}: ${widest}`] : [];
}"""
# What opens on a page, by what is pressed, and in which sizes that is there.
OPENS = [
    ("/w/acme/", "button[data-switcher]", "#switcher:has(.pop__head)", (1280, 390)),
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
    page = open_browser(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.add_init_script(AT_ONCE)
    page.add_init_script(AXE)
    return page


def findings(page: Page) -> Iterator[str]:
    """Loaded once: sizes and themes are up to the style sheets alone."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme, rules in (("light", RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)
            yield from (f"{width} {scheme} {found}" for found in page.evaluate(FINDINGS, [rules, "html"]))
        yield from page.evaluate(WIDER)
    page.set_viewport_size({"width": 320, "height": 900})
    yield from page.evaluate(WIDER)


def test_every_page_is_for_everybody(page, tour):
    visits = tour.visits()
    found = {}
    for visit in visits:
        page.emulate_media(color_scheme="light")
        tour.go(page, visit)
        found[str(visit)] = list(findings(page))

    assert len(visits) > 100
    assert {visit: complaints for visit, complaints in found.items() if complaints} == {}


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
