"""What axe has to say about a page, in both sizes and both themes, and whether one has to scroll it sideways."""

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

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


def prepare(page: Page) -> Page:
    """Before the first page is opened."""
    page.add_init_script(AT_ONCE)
    page.add_init_script(AXE)
    return page


def looks(page: Page) -> Iterator[tuple[str, list[str]]]:
    """The open page as each of them, and the rules that look has to keep.

    Loaded once: sizes and themes are up to the style sheets alone.
    """
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme, rules in (("light", RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)
            yield f"{width} {scheme}", rules


def findings(page: Page) -> Iterator[str]:
    for look, rules in looks(page):
        yield from (f"{look} {found}" for found in page.evaluate(FINDINGS, [rules, "html"]))
        if rules is RULES:
            yield from page.evaluate(WIDER)
    page.set_viewport_size({"width": 320, "height": 900})
    yield from page.evaluate(WIDER)
