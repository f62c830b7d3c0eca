"""What surrounds every page: switcher, keys, dialogs, toasts, a session that ends. With JavaScript and without."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from conftest import PASSWORD
from core.models import Membership
from core.roles import Role
from core.tenancy import tenant_context
from e2e.pages import Tour

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(companies) -> Membership:
    """Acme's owner, who is a member of Globex too."""
    owner = companies.acme.owner
    with tenant_context(companies.globex.tenant):
        Membership.objects.create(tenant=companies.globex.tenant, user=owner.user, role=Role.ADMIN)
    return owner


@pytest.fixture
def at(page, sign_in, owner):
    """at("/w/acme/"): the page, with the owner signed in."""
    sign_in(page, owner)

    def _at(path: str) -> Page:
        page.goto(path)
        return page

    return _at


# -- the switcher ----------------------------------------------------------------------------------------------


def test_the_switcher_by_keyboard_keeps_the_section(at):
    page = at("/w/acme/overlaps/")
    button, panel = page.locator(".sidebar [data-switcher]"), page.locator("#switcher")
    globex = panel.get_by_role("link", name=re.compile("Globex"))

    page.keyboard.press("o")
    page.keyboard.press("w")
    expect(globex).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(button).to_be_focused()

    page.keyboard.press("Enter")
    expect(globex).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if globex.evaluate("link => link === document.activeElement"):
            break
    expect(globex).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/w/globex/overlaps/$"))
    expect(page).to_have_title(re.compile("Globex"))


def test_single_keys_rest_while_somebody_types_and_when_they_are_switched_off(at):
    page = at("/w/acme/overlaps/")
    search, panel = page.locator("#overlaps-q"), page.locator("#switcher")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("ow/")
    expect(search).to_have_value("ow/")
    expect(panel).to_be_hidden()

    page.get_by_role("button", name="Help and shortcuts").click()
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.type("ow")
    expect(panel).to_be_hidden()


def test_without_javascript_the_panel_leads_to_the_chooser(open_browser, sign_in, owner):
    page = open_browser(javascript=False)
    sign_in(page, owner)
    page.goto("/w/acme/overlaps/")

    page.locator(".sidebar [data-switcher]").click()
    page.locator("#switcher").get_by_role("link", name="All workspaces").click()
    page.locator("main").get_by_role("link", name=re.compile("Globex")).click()

    expect(page).to_have_url(re.compile("/w/globex/$"))


# -- the search -------------------------------------------------------------------------------------------------


def test_the_search_by_keyboard_from_anywhere(at, companies):
    page = at("/w/acme/partners/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-q")).to_be_focused()
    page.keyboard.type("canary")
    first = page.locator("#palette-found li a").first
    expect(first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#palette-q")).to_be_focused()
    page.keyboard.press("Escape")  # empties the field
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()

    page.keyboard.press("Control+k")
    expect(page.locator("#palette-q")).to_be_focused()
    page.keyboard.type("globex")
    page.locator("#palette-found").get_by_role("link", name=re.compile("^Globex")).click()
    expect(page).to_have_url(re.compile("/w/acme/partners/[0-9a-f-]{36}/$"))


def test_without_javascript_the_field_leads_to_a_page(open_browser, sign_in, owner):
    page = open_browser(javascript=False)
    sign_in(page, owner)
    page.goto("/w/acme/")
    page.get_by_label("Search accounts, partners and people").fill("globex")
    page.get_by_label("Search accounts, partners and people").press("Enter")
    expect(page).to_have_url(re.compile(r"/w/acme/search/\?q=globex"))
    expect(page.locator("#found").get_by_role("link", name=re.compile("^Globex"))).to_be_visible()


# -- the session -----------------------------------------------------------------------------------------------


def test_a_session_lost_under_htmx_leads_the_whole_page_to_the_form_and_back(at, owner):
    page = at("/w/acme/overlaps/?view=all")
    Session.objects.all().delete()

    page.locator("#overlaps-q").press_sequentially("shown")

    expect(page).to_have_url(re.compile("/accounts/login/"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator(".sidebar")).to_have_count(0)
    page.get_by_label("E-mail", exact=True).fill(owner.user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(r"/w/acme/overlaps/\?view=all"))


def test_after_signing_out_the_way_back_shows_nothing(at):
    page = at("/w/acme/accounts/")
    expect(page.locator("main")).to_contain_text("canary-acme")
    page.goto("/w/acme/partners/")
    page.locator(".sidebar [data-switcher]").click()
    page.get_by_role("button", name="Sign out").first.click()
    expect(page).to_have_url(re.compile("/accounts/login/"))

    for _ in range(2):
        page.evaluate("history.back()")
        expect(page).to_have_url(re.compile("/accounts/login/"))
        assert "canary" not in page.content()
        assert "Globex" not in page.content()


# -- forms and what is said ------------------------------------------------------------------------------------


@pytest.fixture
def received(companies) -> str:
    return companies.acme.tenant.path_to("intros:detail", pk=companies.acme.rows["received_intro"].pk)


def test_a_wrong_form_under_htmx_keeps_what_was_typed_and_shows_where(at, received):
    page = at(received)
    page.locator("summary", has_text="Decline").click()
    answer = page.locator("#decline textarea")
    answer.fill("Not this quarter, I am afraid.")
    with page.expect_response(re.compile("/decline/$")) as answered:
        page.locator("#decline-send").click()

    assert answered.value.status == 422
    first = page.locator("#decline [aria-invalid=true]").first
    expect(first).to_be_focused()
    expect(answer).to_have_value("Not this quarter, I am afraid.")
    described = first.get_attribute("aria-describedby").split()
    errors = [page.locator(f"[id='{name}']").inner_text() for name in described]
    assert any(errors)
    assert page.url.endswith(received)


def test_what_happened_is_announced(at, received):
    page = at("/w/acme/settings/")
    toasts = page.locator("#toasts")
    expect(toasts).to_have_attribute("role", "status")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(toasts.get_by_text("The settings are saved.")).to_be_visible()
    toasts.get_by_role("button").click()
    expect(toasts.locator(".toast")).to_have_count(0)

    # The same place under htmx, without a new page: a live region speaks only of what changes in it.
    page.goto(received)
    page.evaluate("document.querySelector('#toasts').dataset.same = 'yes'")
    page.locator("#accept").click()
    expect(toasts.locator(".toast")).to_have_count(1)
    expect(toasts).to_have_attribute("data-same", "yes")
    expect(page.locator(":focus")).to_have_id("way")


def test_a_refusal_under_htmx_is_an_alert_and_leaves_the_page(at, companies):
    page = at("/w/acme/members/")
    people = page.locator("#people tbody tr")
    before = people.count()
    with tenant_context(companies.acme.tenant):
        Membership.objects.filter(pk=companies.acme.owner.pk).update(is_active=False)

    page.locator("#people-search").press_sequentially("a")

    expect(page.locator("#toasts [role=alert]")).to_contain_text("There is nothing here")
    expect(people).to_have_count(before)
    assert page.url.endswith("/w/acme/members/")


def test_our_own_failure_under_htmx_is_an_alert_and_leaves_the_page(at, monkeypatch, complaints):
    page = at("/w/acme/members/")
    before = page.locator("#people tbody tr").count()
    page.route("**/members/?*", lambda route: route.fulfill(status=500, body="<h1>Trace</h1>"))

    page.locator("#people-search").press_sequentially("a")

    expect(page.locator("#toasts [role=alert]")).to_contain_text("the fault is ours")
    expect(page.locator("#people tbody tr")).to_have_count(before)
    complaints[:] = [text for text in complaints if "status of 500" not in text]


# -- dialogs, focus --------------------------------------------------------------------------------------------


def test_a_dialog_opens_over_the_page_and_gives_the_focus_back(at):
    page = at("/w/acme/members/")
    link, dialog = page.get_by_role("link", name="Leave", exact=True), page.locator("#dialog")
    for close in ("Escape", "button"):
        link.focus()
        page.keyboard.press("Enter")
        expect(dialog).to_be_visible()
        expect(dialog).to_have_accessible_name("Leave Acme?")
        assert dialog.evaluate("dialog => dialog.contains(document.activeElement)")
        if close == "Escape":
            page.keyboard.press("Escape")
        else:
            dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_be_hidden()
        expect(link).to_be_focused()
    assert page.url.endswith("/w/acme/members/")


def test_the_dialog_is_a_page_without_javascript(open_browser, sign_in, owner):
    page = open_browser(javascript=False)
    sign_in(page, owner)
    page.goto("/w/acme/members/")

    page.get_by_role("link", name="Leave", exact=True).click()

    expect(page.get_by_role("heading", name="Leave Acme?", level=1)).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    expect(page).to_have_url(re.compile("/w/acme/members/$"))


def test_the_first_stop_skips_to_the_content(at):
    page = at("/w/acme/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("path", ["/w/acme/", "/w/acme/overlaps/", "/w/acme/members/", "/accounts/email/"])
def test_one_sees_where_the_focus_is(at, path):
    page = at(path)
    seen = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
              const element = document.activeElement, box = element.getBoundingClientRect();
              // A label may show it for a field that is drawn by it.
              const shown = [element, element.parentElement].some((one) => {
                const style = getComputedStyle(one);
                return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              });
              const middle = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
              return { name: element.outerHTML.slice(0, 120), shown, inside: element === document.body ||
                element.contains(middle) || middle?.contains(element) || false };
            }"""
        )
        if "<body" in stop["name"]:
            break
        seen.add(stop["name"])
        assert stop["shown"], stop["name"]
        assert stop["inside"], f"hidden behind something: {stop['name']}"
    assert len(seen) > 8


# -- every control works without htmx --------------------------------------------------------------------------

# What only makes a page quicker, or fresher; without JavaScript something else does it.
EXTRAS = {
    "data-switcher": "opens the panel, which has a link to the chooser",
    "id=conditions": "counts along; the button Count again does the same",
    "id=search-q": "searches while one types; its form does the same",
    "id=progress": "reloads itself while an import runs; the page says how to look again",
    "id=switcher-q": "searches in the panel; its form leads to the chooser",
}


class Controls(HTMLParser):
    """Elements that htmx sends from, and that would do nothing without it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict] = []
        self.idle: list[str] = []
        self.enhanced = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(given)
        verb = next((name.removeprefix("hx-") for name in given if name in {"hx-get", "hx-post"}), None)
        if verb is None or any(mark in given or f"id={given.get('id')}" == mark for mark in EXTRAS):
            return
        self.enhanced += 1
        if tag == "a":
            plain = given.get("href")
        elif tag == "form":
            plain = given.get("method", "get").lower() == verb
        else:
            form = self.forms[-1] if self.forms else {}
            plain = tag == "button" and (given.get("formaction") or form.get("action"))
        if not plain:
            self.idle.append(self.get_starttag_text())

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.forms.pop()


def test_every_control_works_without_htmx(companies):
    tour = Tour(companies)
    enhanced = 0
    for visit in tour.visits():
        controls = Controls(tour.clients[visit.who].get(visit.path).text)
        assert controls.idle == [], visit
        enhanced += controls.enhanced
    assert enhanced > 50
