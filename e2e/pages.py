"""All pages of the product as the people see them who may: what there is to look at, to crawl, to check."""

from collections.abc import Iterator
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from conftest import PASSWORD, founder
from core.models import User
from tests import tour
from tests.world import World

# Where a look ends the session, or what it is about; and what is a part of a page.
SPENDS = {"workspaces:invitation_open", "partners:invitation_open", "overlaps:population_preview"}
QUERIES = {
    "overlaps:list": ["?view=ask", "?q=nothing+like+this", "?state=ignored"],
    "overlaps:accounts": ["?q=nothing+like+this"],
    "workspaces:home": ["?show=pipeline"],
    "intros:search": ["?q=a", "?q=nothing+like+this"],
    "intros:list": ["?view=list", "?q=nothing+like+this"],
    "partners:list": ["?q=nothing+like+this"],
    "overlaps:sharing_confirm": [
        "?customers=all&open_opportunities=overlaps&prospects=counts",
        "?customers=x",
    ],
    "workspaces:members": ["?q=nothing+like+this"],
    "workspaces:chooser": ["?q=nothing+like+this"],
    "audit:trail": ["?actor=nobody", "?since=2026-03-02&until=2026-03-01&ip=zz"],
}
# Forms that are sent with nothing in them; what comes back is a page too.
FORMS = {
    "nobody": ["account_login", "account_signup", "account_reset_password"],
    "owner": [
        "account_change_password",
        "workspaces:create",
        "workspaces:settings",
        "workspaces:invite",
        "partners:invite",
        "partners:change",
        "overlaps:import",
        "overlaps:account_edit",
    ],
}
SEND_EMPTY = """() => {
  const typed = "input:not([type=hidden], [type=radio], [type=checkbox]), textarea";
  const form = [...document.querySelectorAll("main form[method=post]")].find((one) => one.querySelector(typed));
  for (const field of form.querySelectorAll(typed)) field.value = "";
  HTMLFormElement.prototype.submit.call(form);
}"""


@dataclass(frozen=True)
class Visit:
    who: str
    path: str
    sends: bool = False  # the form on it, empty

    def __str__(self) -> str:
        return f"{self.who} {'sends' if self.sends else 'at'} {self.path}"


class Tour:
    """People signed in, and what each of them can open."""

    def __init__(self, world: World) -> None:
        self.addresses = tour.addresses(world.acme)
        fresh = founder("Fresh", "Empty")
        invited = self._invited(world)
        self.clients = {
            "nobody": Client(),
            "owner": signed_in(world.acme.owner.user),
            "partner": signed_in(world.globex.owner.user),
            "viewer": signed_in(world.acme.people["viewer"].user),
            "secured": signed_in(world.acme.people["admin"].user),
            "fresh": signed_in(fresh.user),
            "invited": signed_in(invited),
            "asked": signed_in(invited),
            "half": Client(),
        }
        TOTP.activate(world.acme.people["admin"].user, "A" * 32)
        RecoveryCodes.activate(world.acme.people["admin"].user)
        self.clients["half"].post("/accounts/login/", login(world.acme.people["admin"].user))
        self.clients["invited"].get(f"/invitations/open/{world.acme.rows['invitation'].token}/")
        self.clients["asked"].get(f"/partner-invitations/open/{world.acme.rows['partner_invitation'].token}/")
        self.fresh = [
            path.replace("/w/acme/", "/w/empty/")
            for name, path in self.addresses.items()
            if name not in SPENDS
        ]
        self.theirs = tour.addresses(world.globex)

    def _invited(self, world: World) -> User:
        """Somebody whose two addresses were written to: to join Acme, and to connect with it."""
        user = founder("Invited", "Elsewhere").user
        for row in ("invitation", "partner_invitation"):
            EmailAddress.objects.create(user=user, email=world.acme.rows[row].email, verified=True)
        return user

    def visits(self) -> list[Visit]:
        return [*self._seen(), *self._sent()]

    def _seen(self) -> Iterator[Visit]:
        for name, path in self.addresses.items():
            if name not in SPENDS:
                # What nobody in particular can open looks the same to all.
                yield from list(self._of("nobody", path)) or self._of("owner", path)
                for query in QUERIES.get(name, []):
                    yield Visit("owner", path + query)
            if name.startswith("mfa_"):
                yield from self._of("secured", path)
        for name in ("intros:detail", "intros:list", "partners:detail", "overlaps:detail"):
            yield from self._of("partner", self.theirs[name])
        received = self.addresses["intros:accept"].removesuffix("accept/")
        for path in ("/w/acme/", "/w/acme/members/", "/w/acme/settings/", "/w/acme/intros/", received):
            yield Visit("viewer", path)
        for path in self.fresh:
            if "/w/empty/" in path and self.clients["fresh"].get(path).status_code == 200:
                yield from self._of("fresh", path)
        yield Visit("half", "/accounts/2fa/authenticate/")
        for who in ("invited", "nobody"):
            yield Visit(who, "/invitations/accept/")
        for who in ("asked", "nobody"):
            yield Visit(who, "/partner-invitations/accept/")
        yield Visit("invited", "/workspaces/")
        for path in ("/nowhere/", "/w/globex/", "/w/acme/nowhere/"):
            yield Visit("owner", path)

    def _sent(self) -> Iterator[Visit]:
        for who, names in FORMS.items():
            for name in names:
                yield Visit(who, self.addresses[name], sends=True)

    def _of(self, who: str, path: str) -> Iterator[Visit]:
        answer = self.clients[who].get(path)
        if answer.status_code == 200 and "text/html" in answer["Content-Type"]:
            yield Visit(who, path)

    def go(self, page: Page, visit: Visit) -> None:
        page.context.clear_cookies()
        if cookie := self.clients[visit.who].cookies.get("sessionid"):
            page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": settings.SITE_URL}])
        page.goto(visit.path)
        if visit.sends:
            with page.expect_navigation():
                page.evaluate(SEND_EMPTY)


def signed_in(user: User) -> Client:
    client = Client()
    assert client.post("/accounts/login/", login(user)).status_code == 302
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return client


def login(user: User) -> dict[str, str]:
    return {"login": user.email, "password": PASSWORD}
