import pytest

from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import person_context, tenant_context
from tests.counting import cost


@pytest.fixture
def ada_at_globex(ada, globex) -> Membership:
    with tenant_context(globex):
        return Membership.objects.create(tenant=globex, user=ada.user, role=Role.VIEWER)


def set_state(tenant, membership, **fields):
    with tenant_context(tenant):
        Membership.objects.filter(pk=membership.pk).update(**fields)


def test_a_stranger_is_asked_to_sign_in(db, client):
    assert client.get("/").url == "/accounts/login/?next=/"


def test_the_only_workspace_opens(log_in, ada, acme):
    set_state(acme, ada, is_default=False)

    assert log_in(ada).get("/").url == "/w/acme/"


def test_the_default_one_opens(log_in, ada, ada_at_globex):
    assert log_in(ada).get("/").url == "/w/acme/"


def test_without_a_default_the_person_chooses(log_in, ada, acme, ada_at_globex):
    set_state(acme, ada, is_default=False)

    assert log_in(ada).get("/").url == "/workspaces/"


def test_the_one_used_last_comes_before_the_default(log_in, ada, ada_at_globex):
    client = log_in(ada)
    client.get("/w/globex/")

    assert client.get("/").url == "/w/globex/"


def test_the_last_one_is_asked_for_again(log_in, ada, globex, ada_at_globex):
    client = log_in(ada)
    client.get("/w/globex/")
    set_state(globex, ada_at_globex, is_active=False)
    assert client.get("/").url == "/w/acme/"

    set_state(globex, ada_at_globex, is_active=True)
    with tenant_context(globex):
        Tenant.objects.update(is_active=False)
    assert client.get("/").url == "/w/acme/"


def test_after_the_last_removal_there_is_only_the_chooser(log_in, ada, acme):
    client = log_in(ada)
    client.get("/w/acme/")
    with tenant_context(acme):
        Membership.objects.all().delete()

    assert client.get("/").url == "/workspaces/"
    assert client.get("/workspaces/").status_code == 200


def test_a_picture_from_another_workspace_is_no_visit(log_in, ada, ada_at_globex):
    client = log_in(ada)
    client.get("/w/acme/")
    client.get("/w/globex/logo/0123456789abcdef.png")

    assert client.get("/").url == "/w/acme/"
    with person_context(ada.user):
        assert Membership.objects.get(pk=ada_at_globex.pk).last_used_at is None


def test_to_open_one_first_is_the_persons_own_choice(log_in, ada, alan, acme, ada_at_globex, globex):
    client = log_in(ada)

    assert client.post("/workspaces/switch/", {"workspace": "globex"}).url == "/workspaces/"

    assert log_in(ada).get("/").url == "/w/globex/"
    with person_context(ada.user):
        assert [m.tenant_id for m in Membership.objects.filter(is_default=True)] == [globex.pk]
    with tenant_context(acme):
        assert Membership.objects.get(pk=alan.pk).is_default


def test_nobody_opens_a_strangers_workspace_first(log_in, ada, grace):
    client = log_in(ada)

    assert client.post("/workspaces/switch/", {"workspace": "globex"}).status_code == 404
    assert client.post("/workspaces/switch/", {"workspace": "nowhere"}).status_code == 404
    assert client.post("/workspaces/switch/", {"workspace": "a\0"}).status_code == 404
    assert client.post("/workspaces/switch/").status_code == 404
    assert client.get("/workspaces/switch/").status_code == 405
    with tenant_context(grace.tenant):
        assert Membership.objects.get(pk=grace.pk).is_default


def test_it_costs_the_same_with_many(log_in, ada):
    client = log_in(ada)
    client.get("/")
    with_one = cost(client, "/")
    for n in range(10):
        Tenant.found(owner=ada.user, name=f"More {n}")

    assert cost(client, "/") == with_one <= 5
