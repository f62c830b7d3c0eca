from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from audit.models import AuditEvent
from core.models import Membership, Tenant, User, WorkspaceSlug
from core.tenancy import person_context, tenant_context
from workspaces import profile

ADDRESS = "/w/acme/settings/address/"
NEW = "/workspaces/new/"


@pytest.fixture
def client(log_in, ada):
    return log_in(ada)


def fresh(tenant) -> Tenant:
    with tenant_context(tenant):
        return Tenant.objects.get()


# -- moving ----------------------------------------------------------------------------------------------------


def test_the_new_address_works_and_the_old_one_leads_there(client, ada, acme):
    assert client.post(ADDRESS, {"slug": "Acme-Labs"}).url == "/w/acme-labs/settings/"

    assert client.get("/w/acme-labs/").status_code == 200
    assert client.get("/w/acme/settings/?x=1").url == "/w/acme-labs/settings/?x=1"
    with tenant_context(acme):
        [event] = AuditEvent.objects.filter(action="workspace.moved")
        slugs = dict(WorkspaceSlug.objects.values_list("slug", "is_current"))
    assert '"slug": ["acme", "acme-labs"]' in event.changes
    assert slugs == {"acme": False, "acme-labs": True}


def test_a_write_to_the_old_address_does_nothing(client, ada, acme):
    client.post(ADDRESS, {"slug": "acme-labs"})

    response = client.post("/w/acme/settings/", {"name": "Changed"})

    assert (response.status_code, response.url) == (303, "/w/acme-labs/")
    assert fresh(acme).name == "Acme"


def test_the_old_address_is_never_given_away(client, log_in, ada, grace, globex):
    client.post(ADDRESS, {"slug": "acme-labs"})

    response = log_in(grace).post("/w/globex/settings/address/", {"slug": "acme"})

    assert response.status_code == 422
    assert "taken" in str(response.context["address"].errors["slug"])
    assert fresh(globex).slug == "globex"
    assert log_in(grace).get("/w/acme/").status_code == 404


def test_one_can_go_back_to_a_former_address(client, ada, acme):
    client.post(ADDRESS, {"slug": "acme-labs"})

    assert client.post("/w/acme-labs/settings/address/", {"slug": "acme"}).url == "/w/acme/settings/"
    assert client.get("/w/acme-labs/").url == "/w/acme/"


def test_the_same_address_is_no_change(client, acme):
    assert client.post(ADDRESS, {"slug": "acme"}).status_code == 302
    with tenant_context(acme):
        assert not AuditEvent.objects.filter(action="workspace.moved").exists()


def test_ten_addresses_are_enough(client, ada, acme):
    with tenant_context(acme, by=ada):
        for n in range(9):
            profile.move(acme, to=f"acme-{n}", by=ada)
        with pytest.raises(profile.TooManyAddresses):
            profile.move(acme, to="acme-more", by=ada)
        profile.move(acme, to="acme-3", by=ada)

    response = client.post("/w/acme-3/settings/address/", {"slug": "one-more"})
    assert response.status_code == 422
    assert "ten addresses" in str(response.context["address"].errors)


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "x" * 49,
        "admin",
        "workspaces",
        "w",
        "two words",
        "a--b",
        "-ab",
        "ab-",
        "a_b",
        "a/b",
        "ä",
        "a.b",
        "../w",
        "a\u0000b",
    ],
)
@pytest.mark.parametrize("path", [ADDRESS, NEW])
def test_an_impossible_address_is_refused_beside_its_field(client, acme, slug, path):
    if path == NEW and not slug:
        pytest.skip("a new workspace may leave it to us")
    response = client.post(path, {"name": "Typed", "slug": slug})

    assert response.status_code == 422
    form = response.context["form" if path == NEW else "address"]
    assert form.errors.keys() == {"slug"}
    assert fresh(acme).slug == "acme"


# -- another workspace -----------------------------------------------------------------------------------------


def test_a_person_makes_another_workspace(client, ada):
    response = client.post(NEW, {"name": "Acme Ventures", "slug": ""})

    assert response.url == "/w/acme-ventures/"
    with person_context(ada.user):
        made = Membership.objects.select_related("tenant").get(tenant__slug="acme-ventures")
    assert (made.role, made.is_default, made.tenant.origin) == ("owner", False, "person")
    assert (made.tenant.contact_email, made.tenant.plan) == (ada.user.email, "free")
    with tenant_context(made.tenant):
        [event] = AuditEvent.objects.all()
    assert (event.action, event.actor_id) == ("workspace.founded", ada.user_id)


def test_with_an_address_of_their_own_choice(client, ada):
    assert client.post(NEW, {"name": "Acme Ventures", "slug": "AV-1"}).url == "/w/av-1/"


def test_a_taken_address_is_refused_with_what_was_typed(client, ada, grace):
    response = client.post(NEW, {"name": "Acme Ventures", "slug": "globex"})

    assert response.status_code == 422
    assert "taken" in str(response.context["form"].errors["slug"])
    assert b'value="Acme Ventures"' in response.content
    with person_context(ada.user):
        assert Membership.objects.count() == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_workspace_needs_a_name(client, name):
    response = client.post(NEW, {"name": name})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"name"}


def test_nobody_makes_hundreds(client, ada):
    answers = [client.post(NEW, {"name": f"Number {n}"}).status_code for n in range(12)]

    assert answers == [302] * 10 + [429] * 2


def test_without_an_account_nobody_makes_one(db):
    assert Client().post(NEW, {"name": "X"}).url.startswith("/accounts/login/")


# -- at one moment ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_want_one_address_one_gets_it():
    founders = [
        Tenant.found(owner=User.objects.create_user(f"p{n}@x.example"), name=f"Company {n}")
        for n in range(10)
    ]

    def move(membership):
        try:
            with tenant_context(membership.tenant, by=membership):
                profile.move(membership.tenant, to="wanted", by=membership)
            return True
        except Tenant.SlugTaken:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(move, founders))

    assert got.count(True) == 1
    assert [fresh(m.tenant).slug == "wanted" for m in founders] == got


@pytest.mark.django_db(transaction=True)
def test_a_workspace_that_moves_twice_at_one_moment_ends_in_one_place(ada, acme):
    def move(slug):
        try:
            with tenant_context(acme, by=ada):
                profile.move(Tenant.objects.get(), to=slug, by=Membership.objects.get())
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(move, [f"acme-{n}" for n in range(6)]))

    with tenant_context(acme):
        [current] = WorkspaceSlug.objects.filter(is_current=True)
        assert current.slug == Tenant.objects.get().slug
        assert WorkspaceSlug.objects.count() == 7
