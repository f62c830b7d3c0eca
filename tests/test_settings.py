import pytest
from django.core.exceptions import PermissionDenied

from audit.models import AuditEvent
from conftest import member
from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import tenant_context
from tests.counting import cost
from workspaces import profile

SETTINGS = "/w/acme/settings/"


def form(**fields):
    return {
        "name": "Acme",
        "contact_email": "hi@acme.example",
        "domain": "acme.example",
        "accent": "3",
    } | fields


def events(tenant, action):
    with tenant_context(tenant):
        return list(AuditEvent.objects.filter(action=action))


def fresh(tenant) -> Tenant:
    with tenant_context(tenant):
        return Tenant.objects.get()


@pytest.mark.parametrize("who", ["ada", "alan"])
def test_an_owner_and_an_admin_change_them(request, log_in, acme, who):
    client = log_in(request.getfixturevalue(who))
    assert client.get(SETTINGS).status_code == 200

    response = client.post(SETTINGS, form(name="Acme  Labs", accent="7"))

    assert response.url == SETTINGS
    tenant = fresh(acme)
    assert (tenant.name, tenant.contact_email, tenant.accent) == ("Acme Labs", "hi@acme.example", "7")
    [event] = events(acme, "workspace.changed")
    assert event.actor_id == request.getfixturevalue(who).user_id
    assert '"name": ["Acme", "Acme Labs"]' in event.changes
    assert "domain" not in event.changes


def test_nothing_changed_is_no_event(log_in, ada, acme):
    client = log_in(ada)
    client.post(SETTINGS, form())
    client.post(SETTINGS, form())

    assert len(events(acme, "workspace.changed")) == 1


@pytest.mark.parametrize("who", ["linus", "vera"])
@pytest.mark.parametrize("path", ["", "address/", "logo/", "logo/remove/"])
def test_others_may_not(request, log_in, acme, who, path):
    client = log_in(request.getfixturevalue(who))

    assert client.get(SETTINGS).status_code == 403
    assert client.post(SETTINGS + path, form(name="Mine", slug="mine")).status_code == 403
    assert (fresh(acme).name, fresh(acme).slug) == ("Acme", "acme")


@pytest.mark.parametrize("path", ["", "address/", "logo/", "logo/remove/"])
def test_to_mallory_they_do_not_exist(log_in, mallory, acme, path):
    client = log_in(mallory)

    assert client.post(SETTINGS + path, form(slug="mine")).status_code == 404
    assert client.post("/w/nowhere/settings/" + path, form()).status_code == 404
    assert fresh(acme).slug == "acme"


def test_a_role_lost_a_moment_ago_does_not_count(log_in, ada, alan, acme):
    with tenant_context(acme, by=alan):
        Membership.objects.filter(pk=alan.pk).update(role="member")
        with pytest.raises(PermissionDenied):
            profile.change(acme, by=alan, name="Mine")
    assert fresh(acme).name == "Acme"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"contact_email": "nobody"},
        {"domain": "not a domain"},
        {"domain": "x" * 254},
        {"accent": "9"},
        {"accent": "red; background: url(x)"},
    ],
)
def test_a_wrong_form_comes_back_as_typed(log_in, ada, acme, wrong):
    response = log_in(ada).post(SETTINGS, form(name="Typed") | wrong)

    assert response.status_code == 422
    assert response.context["profile"].errors.keys() == wrong.keys()
    assert b'value="Typed"' in response.content or "name" in wrong
    assert b'aria-invalid="true"' in response.content or "accent" in wrong
    assert fresh(acme).name == "Acme"


def test_nothing_else_can_be_slipped_in(log_in, ada, acme):
    extra = {
        "plan": "enterprise",
        "is_active": "",
        "slug": "other",
        "origin": "operator",
        "logo_version": "x",
    }
    log_in(ada).post(SETTINGS, form(**extra))

    tenant = fresh(acme)
    assert (tenant.plan, tenant.is_active, tenant.slug, tenant.origin) == ("free", True, "acme", "sign_up")
    assert tenant.logo_version == ""


def test_the_page_costs_the_same_with_many_members(log_in, ada, acme):
    client = log_in(ada)
    client.get(SETTINGS)
    before = cost(client, SETTINGS)
    for n in range(5):
        member(f"P{n}", acme, Role.MEMBER)

    assert cost(client, SETTINGS) == before <= 12
