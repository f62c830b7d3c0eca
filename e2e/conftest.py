"""A real browser against a real server; jobs run when a test says so, mails are read from the outbox."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from e2e.people import Person

# Playwright's sync API keeps an event loop running in the test's thread; the ORM is used by that one thread only.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def find_browser(playwright) -> str | None:
    """None: Playwright's own download."""
    if path := os.environ.get("E2E_BROWSER"):
        return path
    if Path(playwright.chromium.executable_path).exists():
        return None
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge")
    found = [path for name in names if (path := shutil.which(name))] + [p for p in PLACES if Path(p).exists()]
    if not found:
        pytest.exit("No browser for the end-to-end tests: run bin/browser, or set E2E_BROWSER.", 3)
    return found[0]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, playwright):
    arguments = {**browser_type_launch_args, "args": list(QUIET)}
    if path := find_browser(playwright):
        arguments["executable_path"] = path
    if sys.platform == "linux" and os.geteuid() == 0:
        arguments["args"].append("--no-sandbox")
    return arguments


@pytest.fixture(autouse=True)
def site_url(live_server, settings):
    settings.SITE_URL = live_server.url


@pytest.fixture(autouse=True)
def kept_connections(monkeypatch):
    """As in production: the server's threads don't log in to the database anew for each request."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)


class Complaints(list):
    """What a browser had to say: script errors, refused styles and scripts, failed requests."""

    def listen(self, context: BrowserContext) -> BrowserContext:
        context.on("console", lambda message: self.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: self.append(str(error.error)))
        return context


@pytest.fixture
def complaints():
    found = Complaints()
    yield found
    # A browser reports refused forms (422) and pages (403, 404, 410) as failed loads: those are answers.
    assert [text for text in found if not re.search(r"status of (401|403|404|409|410|422)", text)] == []


@pytest.fixture(params=[True, False], ids=["with javascript", "without javascript"])
def javascript(request) -> bool:
    return request.param


@pytest.fixture
def open_browser(browser: Browser, live_server, complaints):
    """A browser session of its own, as on another computer: open_browser(javascript=False) -> page."""
    contexts = []

    def _open(**options) -> Page:
        javascript = options.pop("javascript", True)
        context = browser.new_context(base_url=live_server.url, java_script_enabled=javascript, **options)
        context.set_default_timeout(15_000)
        contexts.append(complaints.listen(context))
        return context.new_page()

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_browser) -> Page:
    return open_browser()


@pytest.fixture
def sign_in(live_server):
    """Without the form: sign_in(page, ada)."""

    def _sign_in(page: Page, membership) -> None:
        client = Client()
        client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
        cookie = client.cookies["sessionid"]
        page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": live_server.url}])

    return _sign_in


@pytest.fixture
def link_in_mail():
    """The one link in the newest mail to an address, as a path."""

    def _link(to: str) -> str:
        newest = [message for message in mail.outbox if to in message.to][-1]
        return re.search(r"https?://[^/\s]+(/\S+)", newest.body)[1]

    return _link


@pytest.fixture
def somebody(open_browser, javascript, link_in_mail, run_jobs):
    def _somebody(email: str) -> Person:
        # A page that fades into the next one keeps whoever presses buttons waiting; test_shell.py looks at that.
        page = open_browser(javascript=javascript, reduced_motion="reduce")
        return Person(page, email, link_in_mail, run_jobs, javascript=javascript)

    return _somebody
