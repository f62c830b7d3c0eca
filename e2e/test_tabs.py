"""Three tabs of one browser, three workspaces, 300 switches and writes in any order: each write where its tab is."""

import random
import re
from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from audit.models import AuditEvent
from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import tenant_context

pytestmark = pytest.mark.django_db(transaction=True)
STEPS, SEED = 300, 7
# What the settings form of the tab's own workspace would send, with the token of the page that the tab shows.
RENAME = """async ([path, name]) => {
    const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited"));
    const body = new URLSearchParams({ name, contact_email: "", domain: "", accent: "" });
    return (await fetch(path, { method: "POST", body, headers, redirect: "manual" })).type;
}"""


@pytest.fixture
def workspaces(ada, acme, globex, initech) -> dict[str, Tenant]:
    """Ada may change the settings of all three."""
    for tenant in (acme, globex, initech):
        with tenant_context(tenant):
            Membership.objects.get_or_create(user=ada.user, defaults={"role": Role.ADMIN})
    return {tenant.slug: tenant for tenant in (acme, globex, initech)}


def slug_of(tab: Page) -> str:
    return re.search(r"/w/([^/]+)/", tab.url)[1]


def switch(tab: Page, slug: str) -> None:
    """By the switcher, as a person does."""
    tab.bring_to_front()  # a tab behind another one is drawn once a second at most
    tab.locator("[data-switcher]").first.click()
    tab.locator(f"#switcher a[href^='/w/{slug}/']").first.click()
    expect(tab).to_have_url(re.compile(f"/w/{slug}/"))


def test_no_write_in_the_wrong_workspace(open_browser, sign_in, workspaces, ada):
    rng = random.Random(SEED)
    first = open_browser(reduced_motion="reduce")
    sign_in(first, ada)
    tabs = [first, first.context.new_page(), first.context.new_page()]
    for tab, slug in zip(tabs, workspaces, strict=True):
        tab.goto(f"/w/{slug}/members/")
    last, written, switched = {}, Counter(), 0
    for step in range(STEPS):
        tab = rng.choice(tabs)
        slug = slug_of(tab)
        if rng.random() < 0.15:
            switch(tab, rng.choice([other for other in workspaces if other != slug]))
            switched += 1
        else:
            last[slug] = f"{slug} {step}"
            assert tab.evaluate(RENAME, [f"/w/{slug}/settings/", last[slug]]) == "opaqueredirect"
            written[slug] += 1
    assert switched > 30
    assert switched + written.total() == STEPS
    for slug, tenant in workspaces.items():
        with tenant_context(tenant):
            assert Tenant.objects.get().name == last[slug]
            changes = [event.changes for event in AuditEvent.objects.filter(action="workspace.changed")]
        assert len(changes) == written[slug]
        assert [change for change in changes if f'"{slug} ' not in change] == []
