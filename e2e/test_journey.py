"""The main job, from nothing to an introduction, in the browsers of two founders who never met the software."""

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Tenant, User
from core.tenancy import person_context, tenant_context
from intros.models import Intro

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery staple"
HEADER = ["Company", "Website", "Country", "Lifecycle stage", "Account owner", "Amount", "Contact e-mail"]
ACME = [
    [
        "Stark Industries",
        "https://www.stark.example/",
        "US",
        "opportunity",
        "Ada",
        "90000",
        "pepper@stark.example",
    ],
    [
        "Only Acme knows them",
        "secret-of-acme.example",
        "DE",
        "customer",
        "Ada",
        "10",
        "x@secret-of-acme.example",
    ],
    ["No domain, no name known twice", "", "FR", "customer", "Ada", "", ""],
    ["", "", "FR", "customer", "Ada", "", ""],
]
GLOBEX = [
    ["STARK Inds.", "stark.example", "US", "customer", "Grace", "500000", "tony@stark.example"],
    ["Only Globex knows them", "secret-of-globex.example", "IT", "customer", "Grace", "7", ""],
]


def table(rows: list[list[str]]) -> dict:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, *rows])
    return {"name": "accounts.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode()}


class Person:
    """Somebody at a browser of their own, who reads mails and waits for the worker."""

    def __init__(self, page: Page, email: str, link_in_mail, run_jobs) -> None:
        self.page, self.email, self.link_in_mail, self.run_jobs = page, email, link_in_mail, run_jobs

    def press(self, name: str, **kwargs) -> None:
        self.page.get_by_role("button", name=name, **kwargs).first.click()

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def open_mail(self) -> None:
        self.run_jobs()
        self.page.goto(self.link_in_mail(self.email))

    def signs_up(self, name: str, company: str = "") -> None:
        page = self.page
        if "/accounts/signup/" not in page.url:
            page.goto("/accounts/signup/")
        page.get_by_label("Work e-mail").fill(self.email)
        page.get_by_label("Your name").fill(name)
        if company:
            page.get_by_label(re.compile("Company")).fill(company)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Create account")
        expect(page).to_have_url(re.compile("/accounts/confirm-email/$"))
        self.open_mail()
        page.locator("main form button").first.click()
        expect(page).not_to_have_url(re.compile("/accounts/confirm-email/"))
        if "/accounts/login/" in page.url:
            self.signs_in()
            expect(page).not_to_have_url(re.compile("/accounts/login/"))

    def signs_in(self) -> None:
        self.page.get_by_label("E-mail", exact=True).fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Sign in", exact=True)

    def invites(self, email: str) -> None:
        self.page.goto(f"{self.home}members/")
        self.page.get_by_label("E-mail addresses").fill(email)
        self.page.get_by_label("Role", exact=True).first.select_option("member")
        self.press("Send", exact=False)
        self.sees(email)

    def joins(self, name: str, workspace: str) -> None:
        """By the mail, with an account that is made for it."""
        self.open_mail()
        self.page.get_by_role("link", name="Create an account").click()
        self.signs_up(name)
        if "/invitations/accept/" not in self.page.url:
            self.page.goto("/invitations/accept/")
        self.press("Join")
        expect(self.page).to_have_title(re.compile(workspace))

    def imports(self, rows: list[list[str]]) -> None:
        self.page.goto(f"{self.home}imports/new/")
        self.page.locator("input[type=file]").set_input_files([table(rows)])
        self.press("Continue", exact=True)
        expect(self.page.get_by_role("heading", name="Match columns")).to_be_visible()
        self.page.get_by_role("button", name="Check rows").first.click()
        expect(self.page.get_by_role("heading", name="What will happen")).to_be_visible()
        self.press(re.compile(r"Import \d+ rows?"))
        expect(self.page).not_to_have_url(re.compile("/rows/"))
        self.run_jobs()
        self.page.goto(self.page.url)
        expect(self.page.get_by_role("heading", name="Imported", exact=True)).to_be_visible()

    @property
    def home(self) -> str:
        return re.search(r"/w/[^/]+/", self.page.url)[0]


@pytest.fixture
def somebody(open_browser, javascript, link_in_mail, run_jobs):
    def _somebody(email: str) -> Person:
        # A page that fades into the next one keeps whoever presses buttons waiting; test_shell.py looks at that.
        page = open_browser(javascript=javascript, reduced_motion="reduce")
        return Person(page, email, link_in_mail, run_jobs)

    return _somebody


def test_two_founders_from_nothing_to_an_introduction(somebody, open_browser, sign_in, mallory):
    ada, grace = somebody("ada@acme.example"), somebody("grace@globex.example")

    # Both sign up, and land in a workspace of their own.
    ada.signs_up("Ada", "Acme")
    expect(ada.page).to_have_url(re.compile("/w/acme/$"))
    grace.signs_up("Grace", "Globex")
    expect(grace.page).to_have_url(re.compile("/w/globex/$"))

    # Each invites a teammate, who has two workspaces from then on, and switches.
    ada.invites("linus@acme.example")
    linus = somebody("linus@acme.example")
    linus.joins("Linus", "Acme")
    grace.invites("hedy@globex.example")
    hedy = somebody("hedy@globex.example")
    hedy.joins("Hedy", "Globex")
    linus.page.goto("/workspaces/")
    linus.page.locator("main a[href^='/w/']").filter(has_not_text="Member").first.click()
    expect(linus.page).not_to_have_url(re.compile("/w/acme/"))
    linus.page.goto("/workspaces/")
    linus.page.locator("main").get_by_role("link", name=re.compile("Acme.*Member", re.S)).click()
    expect(linus.page).to_have_url(re.compile("/w/acme/"))

    # They connect, and show each other customers and open opportunities that both have.
    ada.page.goto("/w/acme/partners/invite/")
    ada.page.get_by_label("Company", exact=False).first.fill("Globex")
    ada.page.get_by_label("E-mail", exact=False).first.fill("grace@globex.example")
    choose(ada.page, "customers", "overlaps")
    choose(ada.page, "open_opportunities", "overlaps")
    ada.press("Send the invitation")
    expect(ada.page).not_to_have_url(re.compile("/partners/invite/"))
    grace.open_mail()
    grace.sees("Connect with Acme")
    choose(grace.page, "customers", "overlaps")
    choose(grace.page, "open_opportunities", "overlaps")
    grace.press("Connect with Acme")
    expect(grace.page).to_have_url(re.compile("/w/globex/partners/"))

    # They import their lists; a row that says nothing is left out, with its reason.
    ada.page.goto("/w/acme/")
    ada.imports(ACME)
    expect(ada.page.locator("main")).to_contain_text(re.compile(r"New accounts\s*3"))
    expect(ada.page.locator("main")).to_contain_text(re.compile(r"Left out\s*1"))
    grace.page.goto("/w/globex/")
    grace.imports(GLOBEX)

    # Each sees the one company that both know, and nothing else of the other.
    for person, home, foreign in ((ada, "/w/acme/", "Only Globex"), (grace, "/w/globex/", "Only Acme")):
        person.page.goto(f"{home}overlaps/")
        person.sees("stark.example")
        for path in ("", "overlaps/", "accounts/", "partners/", "intros/"):
            person.page.goto(home + path)
            assert foreign not in person.page.content()
            assert "500000" not in person.page.content().replace(",", "") or person is grace

    # Ada asks, Grace accepts and makes the introduction.
    ada.page.goto("/w/acme/overlaps/")
    ada.page.get_by_role("link", name=re.compile("Ask for an intro to")).first.click()
    ada.page.get_by_label("Why now").fill("They compare vendors this week.")
    ada.press("Send request")
    expect(ada.page).to_have_url(re.compile(r"/intros/[0-9a-f-]{36}/$"))
    grace.page.goto("/w/globex/intros/")
    grace.page.get_by_role("link", name=re.compile("Stark|STARK")).first.click()
    grace.sees("They compare vendors this week.")
    grace.press("Accept")
    grace.press("The intro is made")
    grace.sees("Introduced")
    ada.page.goto("/w/acme/intros/")
    ada.page.get_by_role("link", name=re.compile("Stark|STARK")).first.click()
    ada.sees("Introduced")

    # Every step is in the trail, in both where both took part.
    everything_is_recorded()
    ada.page.goto("/w/acme/audit/")
    ada.sees("asked for an intro to")

    # To a third company none of it exists.
    outsider = open_browser()
    sign_in(outsider, mallory)
    for path in ("/w/acme/", "/w/globex/overlaps/", "/w/acme/audit/", "/w/acme/partners/", "/w/nowhere/"):
        assert outsider.goto(path).status == 404
    outsider.goto("/w/initech/")
    assert not re.search("stark|acme|globex", outsider.content(), re.IGNORECASE)


def choose(page: Page, population: str, level: str) -> None:
    """A level, in a list or in radio buttons."""
    control = page.locator(f"[name='{population}']")
    if control.first.evaluate("element => element.type") == "radio":
        page.locator(f"[name='{population}'][value='{level}']").check(force=True)
    else:
        control.select_option(level)


def everything_is_recorded() -> None:
    own = {Action.WORKSPACE_FOUNDED, Action.MEMBER_INVITED, Action.MEMBER_JOINED, Action.IMPORT_DONE}
    shared = {
        Action.PARTNER_CONNECTED,
        Action.INTRO_REQUESTED,
        Action.INTRO_ACCEPTED,
        Action.INTRO_INTRODUCED,
    }
    for slug in ("acme", "globex"):
        with tenant_context(tenant_at(slug)):
            found = set(AuditEvent.objects.values_list("action", flat=True))
            assert {action.value for action in own | shared} <= found
            assert Intro.objects.get().state == Intro.State.INTRODUCED


def tenant_at(slug: str) -> Tenant:
    founder = User.objects.get(email={"acme": "ada@acme.example", "globex": "grace@globex.example"}[slug])
    with person_context(founder):
        return Tenant.objects.get(slug=slug)
