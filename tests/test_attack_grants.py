"""Roles and grants: what a restricted partner, a role below, a former member or a forged field lets through."""

import json
import re

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.test import Client

from conftest import member
from core.models import Membership, Tenant, User
from core.roles import Role
from core.tenancy import person_context, tenant_context
from intros.models import Intro
from overlaps import imports
from overlaps.models import Account, Import
from partners.models import Grant, Partner, PartnerGrant
from tests import tour, world
from tests.intros import do, draft_of, overlap_of
from tests.world import ROLES
from workspaces.models import Invitation


def signed_in(who: Membership) -> Client:
    client = Client()
    client.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


# -- restricted partners -------------------------------------------------------------------------------------------


@pytest.fixture
def restricted(companies) -> Partner:
    """Acme's record of Globex, which only owner and admin see."""
    with tenant_context(companies.acme.tenant):
        partner = companies.acme.rows["partner"]
        Partner.objects.filter(pk=partner.pk).update(is_restricted=True)
    return partner


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_a_restricted_partner_is_on_no_page_of_others(role, companies, restricted):
    client = signed_in(companies.acme.people[role])
    tails = ["", f"?partner={restricted.pk}", "?q=glob", "?q=shown-glob", "?view=list", "?view=greenfield"]
    found = []
    for name, address in tour.addresses(companies.acme).items():
        for tail in tails:
            for headers in ({}, {"HX-Request": "true"}):
                text = client.get(address + tail, headers=headers).text
                if "Globex" in text or "shown-globex" in text or f"/partners/{restricted.pk}/" in text:
                    found.append((name, tail))
    assert found == []


def test_nor_in_a_figure(companies, restricted):
    """Counts and badges: the same whether something waits there or not."""
    client = signed_in(companies.acme.people["member"])
    paths = ("/w/acme/", "/w/acme/overlaps/", "/w/acme/intros/", "/workspaces/overview/")
    before = {path: figures(client.get(path).text) for path in paths}
    with tenant_context(companies.acme.tenant):
        Intro.objects.filter(receiver=companies.acme.tenant).update(state="withdrawn")
    assert {path: figures(client.get(path).text) for path in paths} == before


def figures(text: str) -> list[str]:
    return re.findall(r">\s*(\d[\d.,k]*)\s*<", text)


@pytest.mark.parametrize("act", ["pause", "resume", "end", "change", "grant"])
def test_a_restricted_partner_is_not_there_for_acts_either(act, companies, restricted):
    for role in ("viewer", "member"):
        path = companies.acme.tenant.path_to(f"partners:{act}", pk=restricted.pk)
        assert signed_in(companies.acme.people[role]).post(path).status_code in {404, 405}


def test_no_mail_tells_of_a_restricted_partner_to_who_does_not_see_it(run_jobs, ada, grace, globex):
    """Gus owns the record of Acme and has asked Acme for something, before it was restricted."""
    gus = member("Gus", globex, Role.MEMBER)
    draft = draft_of(overlap_of(ada, grace), ada)
    with tenant_context(globex):
        Partner.objects.update(owner=gus.user, is_restricted=True)
    do("request", draft, ada)
    run_jobs()
    assert {to for message in mail.outbox for to in message.to} == {grace.user.email}


def test_nor_when_it_is_restricted_before_the_mail_is_written(run_jobs, ada, grace, globex):
    gus = member("Gus", globex, Role.MEMBER)
    draft = draft_of(overlap_of(ada, grace), ada)
    with tenant_context(globex):
        Partner.objects.update(owner=gus.user)
    do("request", draft, ada)
    with tenant_context(globex):
        Partner.objects.update(is_restricted=True)
    run_jobs()
    assert mail.outbox == []


def test_nor_to_who_asked(run_jobs, ada, grace, linus, acme):
    draft = draft_of(overlap_of(ada, grace), linus)
    do("request", draft, linus)
    run_jobs()
    mail.outbox.clear()
    with tenant_context(acme):
        Partner.objects.update(is_restricted=True)
    do("decline", draft, grace, reason="timing", answer="They are about to leave us.")
    run_jobs()
    assert {to for message in mail.outbox for to in message.to} == {ada.user.email}


# -- grants --------------------------------------------------------------------------------------------------------


def test_a_grant_of_another_workspace_counts_nothing_here(companies):
    """Linus is a member in both; manager of a partner in one of them."""
    acme, globex = companies.acme, companies.globex
    linus = acme.people["member"]
    with tenant_context(globex.tenant):
        there = Membership.objects.create(tenant=globex.tenant, user=linus.user, role=Role.MEMBER)
        globex.rows["partner"].grant(Grant.MANAGER, to=there, by=globex.owner)
    client = signed_in(linus)
    assert (
        client.post(globex.tenant.path_to("partners:pause", pk=globex.rows["partner"].pk)).status_code == 302
    )
    assert client.post(acme.tenant.path_to("partners:end", pk=acme.rows["partner"].pk)).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_nobody_grants_to_themselves(role, companies):
    me, partner = companies.acme.people[role], companies.acme.rows["partner"]
    path = companies.acme.tenant.path_to("partners:grant", pk=partner.pk)
    assert signed_in(me).post(path, {"member": str(me.pk), "grant": "manage_partner"}).status_code == 403


def test_a_grant_goes_to_nobody_of_another_workspace(companies):
    path = companies.acme.tenant.path_to("partners:grant", pk=companies.acme.rows["partner"].pk)
    for foreign in (companies.globex.owner, companies.initech.owner):
        answer = signed_in(companies.acme.owner).post(
            path, {"member": str(foreign.pk), "grant": "manage_partner"}
        )
        assert answer.status_code == 422
    with tenant_context(companies.acme.tenant):
        assert not PartnerGrant.objects.exists()


# -- forged fields -------------------------------------------------------------------------------------------------

FORGED = {
    "role": "owner",
    "tenant": "",
    "tenant_id": "",
    "user": "",
    "user_id": "",
    "is_active": "true",
    "is_superuser": "true",
    "is_staff": "true",
    "id": "00000000-0000-4000-8000-000000000000",
    "pk": "00000000-0000-4000-8000-000000000000",
    "state": "introduced",
    "plan": "enterprise",
    "tier": "enterprise",
    "subscription": "active",
    "features": '{"all": true}',
    "origin": "operator",
    "version": "99",
    "connection_id": "00000000-0000-4000-8000-000000000000",
    "asked_by_id": "00000000-0000-4000-8000-000000000000",
    "requester": "",
    "receiver": "",
    "created_at": "2001-01-01",
    "domain_key": "globex.example",
    "owner": "",
}


def state_of(companies: world.World) -> str:
    """All that nobody may set by a form."""
    facts = []
    for one in (companies.acme, companies.globex, companies.initech):
        with tenant_context(one.tenant):
            tenant = Tenant.objects.get()
            facts += [tenant.plan, tenant.subscription, tenant.features, tenant.origin, tenant.is_active]
            facts += sorted(
                Membership.objects.values_list(
                    "user__email", "role", "is_active", "user__is_superuser", "user__tier"
                )
            )
            facts += sorted(map(str, Account.objects.values_list("pk", "tenant", "domain_key")))
            facts += sorted(map(str, Partner.objects.values_list("pk", "tenant", "connection_id", "state")))
            facts += sorted(map(str, Invitation.objects.values_list("pk", "role", "state")))
    return json.dumps(facts, default=str)


def test_forged_fields_change_nothing(companies):
    """Every form of the product, whole, with what it never offers added."""
    acme, globex = companies.acme, companies.globex
    forged = FORGED | dict.fromkeys(("tenant", "tenant_id", "requester", "receiver"), str(globex.tenant.pk))
    forged |= dict.fromkeys(("user", "user_id", "owner"), str(globex.owner.user.pk))
    account, partner = acme.rows["account"], acme.rows["partner"]
    levels = {"customers": "overlaps", "open_opportunities": "counts", "prospects": "hidden"}
    seen = {"seen": account.updated_at.isoformat()}
    company = {"name": "Both", "domain": "both.example", "population": "customers", "country": ""}
    forms = {
        acme.tenant.path_to("workspaces:settings"): {"name": "Acme", "domain": "", "accent": ""},
        acme.tenant.path_to("overlaps:account_edit", pk=account.pk): company | seen,
        acme.tenant.path_to("overlaps:sharing_confirm", pk=partner.pk): levels | {"seen": world.STAMP},
        acme.tenant.path_to("workspaces:member_role", pk=acme.people["member"].pk): {},
        acme.tenant.path_to("workspaces:member_role", pk=acme.owner.pk): {},
        acme.tenant.path_to("workspaces:invitation_role", pk=acme.rows["invitation"].pk): {},
        acme.tenant.path_to("workspaces:invite"): {"emails": "x@y.example"},
        acme.tenant.path_to("intros:edit", pk=acme.rows["draft"].pk): {"ask": "x", "forwardable": "y"},
        "/accounts/email/": {"email": "x@y.example", "action_add": ""},
    }
    before = state_of(companies)
    for role in ("owner", "admin"):
        client = signed_in(acme.people[role])
        for path, fields in forms.items():
            assert client.post(path, forged | fields).status_code < 500, path
    assert state_of(companies) == before
    with tenant_context(acme.tenant):
        draft = Intro.objects.get(pk=acme.rows["draft"].pk)
    assert (draft.state, draft.requester_id, draft.receiver_id) == ("draft", acme.tenant.pk, globex.tenant.pk)


def test_a_partner_is_managed_by_nobody_of_another_workspace(companies):
    path = companies.acme.tenant.path_to("partners:change", pk=companies.acme.rows["partner"].pk)
    fields = {"name": "Globex", "owner": str(companies.globex.owner.user.pk)}
    answer = signed_in(companies.acme.owner).post(path, fields)
    assert answer.status_code == 422
    assert companies.globex.owner.user.email not in answer.text


def test_signing_up_makes_no_operator(client, db):
    fields = {"email": "x@y.example", "name": "X", "company": "Y", "password1": "correct horse battery"}
    client.post("/accounts/signup/", FORGED | fields)
    made = User.objects.get(email="x@y.example")
    assert (made.is_superuser, made.tier) == (False, "free")
    with person_context(made):
        assert Tenant.objects.get().plan == "free"


# -- who has left --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["deactivated", "removed", "viewer", "account closed"])
def test_what_was_queued_by_who_has_left_is_not_done(loss, companies):
    acme = companies.acme
    mine = acme.people["member"]
    with tenant_context(acme.tenant, by=mine):
        batch = imports.receive(
            ContentFile(b"Name,Domain\nLate,late.example\n", "late.csv"), partner=None, by=mine
        )
        imports.decide(batch, by=mine)
        batch.start(mark_gone=False, by=mine)
        if loss == "removed":
            mine.delete()
        elif loss == "account closed":
            User.objects.filter(pk=mine.user_id).update(is_active=False)
        else:
            lost = {"is_active": False} if loss == "deactivated" else {"role": Role.VIEWER}
            Membership.objects.filter(pk=mine.pk).update(**lost)
    imports.run(acme.tenant.pk, batch.pk)
    with tenant_context(acme.tenant):
        assert not Account.objects.filter(name="Late").exists()
        assert Import.objects.get(pk=batch.pk).state == "failed"


def test_the_roles_of_the_cast_are_the_roles_there_are():
    assert set(ROLES) == set(Role.values)
