"""Ada reads the trail, narrows it, and takes it home to check it; Linus has no part in it."""

import os
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from audit.actions import Action
from audit.models import AuditEvent
from audit.verifier import verify_audit_export as script
from conftest import PASSWORD
from core.tenancy import tenant_context
from e2e.axe import findings, looks, prepare


@pytest.fixture
def trail(transactional_db, ada, alan, linus, grace):
    """More than a page: acts of two people, one that Globex sees too."""
    with tenant_context(ada.tenant, by=ada):
        for number in range(28):
            AuditEvent.record(
                Action.WORKSPACE_CHANGED,
                by=alan,
                target=ada.tenant,
                changes={"name": [f"Acme {number}", "Acme"]},
            )
        AuditEvent.record(
            Action.PARTNER_CONNECTED,
            by=ada,
            target=grace.tenant,
            seen_by=[ada.tenant, grace.tenant],
            changes={"customers": ["Hidden", "Overlapping accounts"], "prospects": ["Hidden", "Counts only"]},
        )
        AuditEvent.record(
            Action.MEMBER_ROLE_CHANGED, by=ada, target=linus, changes={"role": ["member", "admin"]}
        )


def pictures(page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        for look, _ in looks(page):
            page.screenshot(path=f"{folder}/{name} {look}.png", full_page=True)


def test_narrowing_the_trail(open_browser, sign_in, ada, trail, javascript):
    page = open_browser(javascript=javascript)
    sign_in(page, ada)
    page.goto("/w/acme/audit/")
    events = page.locator(".event")
    expect(events).to_have_count(25)
    expect(events.first).to_contain_text("Ada changed the role of Linus from member to admin")

    page.get_by_label("Who", exact=True).fill("ada")
    if not javascript:
        page.get_by_role("button", name="Filter", exact=True).click()
    expect(events).to_have_count(2)
    assert "actor=ada" in page.url
    if javascript:
        expect(page.get_by_label("Who", exact=True)).to_be_focused()

    page.reload()
    expect(events).to_have_count(2)
    expect(page.get_by_text("also in the trail of Globex")).to_be_visible()
    events.nth(1).locator("summary").click()
    expect(page.get_by_role("cell", name="Overlapping accounts")).to_be_visible()

    page.get_by_label("IP address").fill("nowhere")
    if not javascript:
        page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_text("Only digits, letters a to f")).to_be_visible()
    expect(page.get_by_label("IP address")).to_have_value("nowhere")

    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="Older").click()
    expect(events.first).to_contain_text("Alan changed the settings: name from Acme")
    page.get_by_role("link", name="Newest").click()
    expect(events).to_have_count(25)


def test_taking_the_trail_home(open_browser, sign_in, ada, trail, javascript, tmp_path):
    page = open_browser(javascript=javascript)
    sign_in(page, ada)
    page.goto("/w/acme/audit/")

    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="JSON lines, for checking").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/w/acme/audit/**")

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON lines, for checking").click()
    download.value.save_as(tmp_path / "trail.jsonl")
    page.reload()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="The script that checks").click()
    download.value.save_as(tmp_path / "verify.py")

    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "verify.py", tmp_path / "trail.jsonl"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("WHOLE: ")
    assert done.returncode == script.WHOLE


def test_the_pages_are_for_everybody(open_browser, sign_in, ada, trail):
    page = prepare(open_browser(viewport={"width": 1280, "height": 900}, reduced_motion="reduce"))
    sign_in(page, ada)
    for name, address in {
        "trail": "/w/acme/audit/",
        "wrong": "/w/acme/audit/?since=2026-03-02&until=2026-03-01&ip=zz",
        "nothing": "/w/acme/audit/?actor=nobody",
        "security": "/accounts/security/",
    }.items():
        page.emulate_media(color_scheme="light")
        page.goto(address)
        for summary in page.locator(".event > summary").all()[:2]:
            summary.click()
        pictures(page, name)
        assert list(findings(page)) == [], address
