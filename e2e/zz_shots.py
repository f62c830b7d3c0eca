"""Screenshots of the pages of sharing."""

import pytest
from django.conf import settings as st
from django.test import Client

from core.tenancy import tenant_context
from overlaps import populations
from overlaps.filters import AccountFilter
from partners.models import (
    FieldPreset,
    Population,
)
from tests.sharing import add, connect, share


@pytest.mark.parametrize("look", ["light-1280", "dark-1280", "light-390", "dark-390"])
def test_shots(browser, live_server, ada, grace, acme, globex, look):
    scheme, width = look.split("-")
    ours, theirs = connect(acme, globex)
    for n in range(7):
        add(acme, f"Company {n}", Population.values[n % 3], owner_name="Ada", stage="Won", tags=["big"])
        if n % 2:
            add(globex, f"Company {n}")
    with tenant_context(acme, by=ada):
        own = populations.make(
            name="Strategic accounts", conditions=AccountFilter.of({"tag": ["big"]}), by=ada
        )
        preset = FieldPreset.make(name="Stages", fields=["stage", "tags"], by=ada)
    share(theirs, {Population.CUSTOMERS: "overlaps", Population.PROSPECTS: "counts"})
    share(ours, {Population.CUSTOMERS: "counts"})
    client = Client()
    client.force_login(ada.user)
    context = browser.new_context(color_scheme=scheme, viewport={"width": int(width), "height": 900})
    context.add_cookies(
        [
            {
                "name": st.SESSION_COOKIE_NAME,
                "value": client.cookies[st.SESSION_COOKIE_NAME].value,
                "url": live_server.url,
            }
        ]
    )
    page = context.new_page()
    go = lambda path: page.goto(live_server.url + path)
    shot = lambda name: page.screenshot(path=f"/tmp/shots/{name}-{look}.png", full_page=True)
    go(acme.path_to("overlaps:sharing", pk=ours.pk))
    shot("sharing")
    page.locator("label", has_text="Overlaps").first.click()
    shot("sharing-chosen")
    page.get_by_role("button", name="Look at the changes").click()
    shot("confirm")
    go(acme.path_to("overlaps:sharing_defaults"))
    shot("defaults")
    go(acme.path_to("overlaps:preset_edit", pk=preset.pk))
    shot("preset")
    print([e for e in [page.evaluate("document.documentElement.scrollWidth")]])
