"""People at browsers of their own."""

import csv
import io
import re

from playwright.sync_api import FilePayload, Page, expect

PASSWORD = "correct horse battery staple"


def table(rows: list[list[str]]) -> FilePayload:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return {"name": "accounts.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode()}


class Person:
    """Somebody at a browser of their own, who reads mails and waits for the worker."""

    def __init__(self, page: Page, email: str, link_in_mail, run_jobs, *, javascript: bool = True) -> None:
        self.page, self.email, self.link_in_mail, self.run_jobs = page, email, link_in_mail, run_jobs
        self.javascript = javascript

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

    def imports(self, file: FilePayload) -> None:
        self.page.goto(f"{self.home}imports/new/")
        self.page.locator("input[type=file]").set_input_files([file])
        self.press("Continue", exact=True)
        expect(self.page.get_by_role("heading", name="Match columns")).to_be_visible()
        self.page.get_by_role("button", name="Check rows").first.click()
        expect(self.page.get_by_role("heading", name="What will happen")).to_be_visible()
        self.press(re.compile(r"Import [\d,]+ rows?"))
        expect(self.page).not_to_have_url(re.compile("/rows/"))
        self.waits_for_jobs()
        expect(self.page.get_by_role("heading", name="Imported", exact=True)).to_be_visible()

    def waits_for_jobs(self) -> None:
        """On a page that follows one: with JavaScript it goes on by itself."""
        self.run_jobs()
        if not self.javascript:
            self.page.get_by_role("link", name="Look again").click()

    @property
    def home(self) -> str:
        return re.search(r"/w/[^/]+/", self.page.url)[0]


def choose(page: Page, population: str, level: str) -> None:
    """A level, in a list or in radio buttons."""
    control = page.locator(f"[name='{population}']")
    if control.first.evaluate("element => element.type") == "radio":
        page.locator(f"[name='{population}'][value='{level}']").check(force=True)
    else:
        control.select_option(level)
