from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent, SecurityEvent
from conftest import PASSWORD
from core.models import Membership, Tenant, User, WorkspaceSlug
from core.roles import Role
from core.tenancy import person_context, tenant_context
from workspaces import founding

SIGN_UP = "/accounts/signup/"


@pytest.fixture(autouse=True)
def mailbox(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


def form(**fields):
    return {"email": "ada@acme.example", "name": "Ada", "company": "Acme", "password1": PASSWORD} | fields


def workspaces_of(email: str) -> list[Membership]:
    user = User.objects.get(email=email)
    with person_context(user):
        return list(Membership.objects.select_related("tenant"))


def test_an_account_comes_with_its_workspace(db, client):
    response = client.post(SIGN_UP, form())

    assert response.status_code == 302
    assert response.url == reverse("account_email_verification_sent")
    user = User.objects.get(email="ada@acme.example")
    assert (user.name, user.business_name) == ("Ada", "Acme")
    [membership] = workspaces_of(user.email)
    assert (membership.role, membership.is_active, membership.is_default) == (Role.OWNER, True, True)
    tenant = membership.tenant
    assert (tenant.name, tenant.slug, tenant.domain) == ("Acme", "acme", "acme.example")
    assert (tenant.contact_email, tenant.plan, tenant.origin) == (user.email, "free", "sign_up")


def test_it_is_recorded_for_the_person_and_for_the_workspace(db, client):
    client.post(SIGN_UP, form())

    [membership] = workspaces_of("ada@acme.example")
    with tenant_context(membership.tenant):
        [founded] = AuditEvent.objects.all()
    assert (founded.action, founded.actor_id) == ("workspace.founded", membership.user_id)
    assert '"slug": "acme"' in founded.changes
    assert SecurityEvent.objects.filter(action="person.signed_up", actor_id=membership.user_id).count() == 1


@pytest.mark.parametrize(
    ("email", "name", "company", "workspace", "slug"),
    [
        ("ada@acme-labs.example", "Ada", "", "Acme Labs", "acme-labs"),
        ("ada@gmail.com", "Ada Lovelace", "", "Ada Lovelace’s workspace", "ada-lovelace-workspace"),
        ("ada@acme.example", "Ada", "Čapek & Søn", "Čapek & Søn", "capek-sn"),
        ("ada@gmail.com", "Ada", "株式会社", "株式会社", "workspace-2"),
        ("ada@acme.example", "Ada", "株式会社", "株式会社", "acme"),
        ("ada@gmail.com", "Ada", "Admin", "Admin", "admin-2"),
        ("ada@gmail.com", "Ada", "  A\u202e\n c ", "A c", "a-c"),
    ],
)
def test_the_name_is_a_guess_and_the_slug_a_safe_one(db, client, email, name, company, workspace, slug):
    assert client.post(SIGN_UP, form(email=email, name=name, company=company)).status_code == 302

    [membership] = workspaces_of(email)
    assert (membership.tenant.name, membership.tenant.slug) == (workspace, slug)


def test_no_page_opens_before_the_address_is_proved(db, client):
    client.post(SIGN_UP, form())

    assert client.get("/").url.startswith("/accounts/login/")
    assert client.get("/w/acme/").url.startswith("/accounts/login/")
    again = client.post("/accounts/login/", {"login": "ada@acme.example", "password": PASSWORD})
    assert again.url == reverse("account_email_verification_sent")
    assert client.get("/w/acme/").url.startswith("/accounts/login/")


def test_the_link_in_the_mail_opens_the_workspace_in_the_same_browser(
    client, db, mailoutbox, django_capture_on_commit_callbacks, settings
):
    settings.SITE_URL = "https://cosell.example"
    with django_capture_on_commit_callbacks(execute=True):
        client.post(SIGN_UP, form(), headers={"host": "localhost:666"})
    [mail] = mailoutbox
    [link] = [word for word in mail.body.split() if "confirm-email" in word]
    assert link.startswith("https://cosell.example/accounts/confirm-email/")

    path = link.removeprefix("https://cosell.example")
    assert client.get(path).status_code == 200
    assert not EmailAddress.objects.get().verified  # a mail scanner that opens links proves nothing
    assert client.post(path).url == "/"
    assert client.get("/").url == "/w/acme/"


def test_in_another_browser_the_link_asks_for_the_password(
    client, db, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        client.post(SIGN_UP, form())
    [link] = [word for word in mailoutbox[0].body.split() if "confirm-email" in word]
    other = Client()

    other.post(link.partition("8000")[2])

    assert EmailAddress.objects.get().verified
    assert other.get("/").url.startswith("/accounts/login/")


@pytest.mark.parametrize("email", ["ada@acme.example", "ADA@Acme.Example", " ada@acme.example "])
def test_a_taken_address_gets_the_same_answer_and_makes_nothing(db, client, ada, email):
    counts = User.objects.count(), SecurityEvent.objects.count(), EmailAddress.objects.count()

    known = client.post(SIGN_UP, form(email=email, company="Rival"))
    unknown = Client().post(SIGN_UP, form(email="new@nowhere.example", company="Other"))

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert known.cookies.keys() == unknown.cookies.keys()
    assert (User.objects.count() - 1, EmailAddress.objects.count() - 1) == (counts[0], counts[2])
    assert not WorkspaceSlug.across_tenants.filter(slug="rival").exists()
    assert SecurityEvent.objects.filter(action="person.signed_up").count() == 1
    assert User.objects.get(email="ada@acme.example").check_password(PASSWORD)
    assert len(workspaces_of("ada@acme.example")) == 1


def test_to_the_owner_of_a_taken_address_a_mail_tells(
    db, client, ada, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        client.post(SIGN_UP, form())

    [mail] = mailoutbox
    assert mail.to == ["ada@acme.example"]
    assert "account with that address already" in mail.body


def test_a_taken_address_costs_the_same_work(db, client, ada, django_assert_num_queries):
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as known:
        client.post(SIGN_UP, form())
    cache.clear()
    with CaptureQueriesContext(connection) as unknown:
        Client().post(SIGN_UP, form(email="ada@nowhere.example"))

    inserts = [sum(q["sql"].startswith("INSERT") for q in queries) for queries in (known, unknown)]
    assert abs(inserts[0] - inserts[1]) <= 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": ""},
        {"email": "ada"},
        {"email": "a" * 300 + "@acme.example"},
        {"name": ""},
        {"name": "\u202e \u0000"},
        {"name": "x" * 201},
        {"company": "x" * 101},
        {"password1": "short"},
        {"password1": "password12"},
        {"password1": "1234567890123"},
        {"password1": "ada@acme.example"},
    ],
)
def test_a_wrong_form_is_refused_with_what_was_typed(db, client, wrong):
    response = client.post(SIGN_UP, form(**wrong))

    assert response.status_code == 422
    [field] = wrong
    assert response.context["form"].errors.keys() == {field}
    assert b'value="Acme"' in response.content or field == "company"
    assert PASSWORD.encode() not in response.content
    assert not User.objects.exists()


def test_an_unproved_account_can_be_taken_back_by_the_owner_of_the_address(
    db, mailoutbox, django_capture_on_commit_callbacks
):
    """Pre-hijacking: Mallory signs up with Ada's address and waits with the browser open."""
    mallory, ada = Client(), Client()
    mallory.post(SIGN_UP, form(password1="mallory knows this"))
    with django_capture_on_commit_callbacks(execute=True):
        ada.post("/accounts/password/reset/", {"email": "ada@acme.example"})
    [link] = [word for word in mailoutbox[-1].body.split() if "/password/reset/key/" in word]
    reset_path = ada.get(link.partition("8000")[2]).url
    ada.post(reset_path, {"password1": PASSWORD, "password2": PASSWORD})

    assert mallory.get("/").url.startswith("/accounts/login/")
    wrong = mallory.post("/accounts/login/", {"login": "ada@acme.example", "password": "mallory knows this"})
    assert wrong.status_code == 422
    assert EmailAddress.objects.get().user.check_password(PASSWORD)


def test_of_two_with_one_company_each_gets_a_slug(db):
    for n in range(8):
        founding.found(owner=User.objects.create_user(f"p{n}@x.example"), name="Acme")

    slugs = list(Tenant._base_manager.none()) or [
        workspaces_of(f"p{n}@x.example")[0].tenant.slug for n in range(8)
    ]
    assert slugs[:5] == ["acme", "acme-2", "acme-3", "acme-4", "acme-5"]
    assert len(set(slugs)) == 8
    assert all(slug.startswith("acme-") for slug in slugs[5:])


@pytest.mark.django_db(transaction=True)
def test_at_one_moment_too():
    users = [User.objects.create_user(f"p{n}@x.example") for n in range(12)]

    def found(user):
        try:
            return founding.found(owner=user, name="Acme").tenant.slug
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        slugs = list(pool.map(found, users))

    assert len(set(slugs)) == 12
    assert "acme" in slugs


@pytest.mark.django_db(transaction=True)
def test_one_address_at_one_moment_makes_one_account():
    cache.clear()

    def sign_up(n):
        try:
            return Client(raise_request_exception=False).post(SIGN_UP, form(company=f"Acme {n}")).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(sign_up, range(6)))

    assert set(answers) == {302}
    assert len(workspaces_of("ada@acme.example")) == 1
    assert EmailAddress.objects.count() == 1
