"""The main job, from nothing to an introduction, in the browsers of two founders who never met the software."""

import re

import pytest
from playwright.sync_api import expect

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Tenant, User
from core.tenancy import person_context, tenant_context
from e2e.people import choose, table
from intros.models import Intro

pytestmark = pytest.mark.django_db(transaction=True)
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
    ada.press("Invite", exact=True)
    expect(ada.page).not_to_have_url(re.compile("/partners/invite/"))
    grace.open_mail()
    grace.sees("Connect with Acme")
    choose(grace.page, "customers", "overlaps")
    choose(grace.page, "open_opportunities", "overlaps")
    grace.press("Connect with Acme")
    expect(grace.page).to_have_url(re.compile("/w/globex/partners/"))

    # They import their lists; a row that says nothing is left out, with its reason.
    ada.page.goto("/w/acme/")
    ada.imports(table([HEADER, *ACME]))
    expect(ada.page.locator("main")).to_contain_text(re.compile(r"New accounts\s*3"))
    expect(ada.page.locator("main")).to_contain_text(re.compile(r"Left out\s*1"))
    grace.page.goto("/w/globex/")
    grace.imports(table([HEADER, *GLOBEX]))

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
