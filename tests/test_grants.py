"""Exceptions to a role, on one partner: they add what they say, where they say, and nothing else."""

import pytest
from django.contrib.auth.models import Permission as GlobalPermission
from django.db import IntegrityError, connection
from guardian.shortcuts import assign_perm, get_user_perms, remove_perm
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from audit.models import AuditEvent
from core.models import Membership
from core.roles import Permission, Role
from core.tenancy import tenant_context
from partners.models import Grant, Partner, PartnerGrant, Population, all_hidden, shares_from, stamp
from tests.pairs import connect
from tests.sharing import confirm

LIFTED = (Permission.CONNECT_PARTNERS, Permission.CHANGE_SHARING)
TO_ALL = {name.value: "all" for name in Population} | {"seen": stamp(shares_from(all_hidden()))}


@pytest.fixture
def pair(ada, grace):
    return connect(ada, grace)


@pytest.fixture
def ours(pair) -> Partner:
    return pair[0]


@pytest.fixture
def managed(ours, ada, linus, acme) -> Partner:
    """Linus, a member, manages it."""
    with tenant_context(acme):
        ours.grant(Grant.MANAGER, to=linus, by=ada)
    return ours


def may(membership: Membership, partner: Partner) -> list[bool]:
    with tenant_context(partner.tenant_id, by=membership):
        fresh = Partner.objects.get(pk=partner.pk)
        return [membership.may(permission, fresh) for permission in LIFTED]


def test_a_manager_may_on_this_partner(log_in, linus, managed, acme):
    client = log_in(linus)
    assert may(linus, managed) == [True, True]

    assert confirm(client, acme.path_to("overlaps:sharing_confirm", pk=managed.pk), TO_ALL).status_code == 302
    for act in ("pause", "resume", "change", "end"):
        assert client.post(acme.path_to(f"partners:{act}", pk=managed.pk)).status_code in {302, 422}
    with tenant_context(acme):
        assert Partner.objects.get().state == "ended"


def test_and_on_no_other(log_in, linus, mallory, ada, managed, acme):
    other, _ = connect(ada, mallory)

    assert may(linus, other) == [False, False]
    assert log_in(linus).post(acme.path_to("partners:pause", pk=other.pk)).status_code == 403
    assert log_in(linus).get(acme.path_to("partners:invite")).status_code == 403


@pytest.mark.parametrize("grant", [Grant.CONTRIBUTOR, Grant.VIEWER])
def test_smaller_grants_lift_nothing(grant, ours, ada, linus, acme):
    with tenant_context(acme):
        ours.grant(grant, to=linus, by=ada)

    assert may(linus, ours) == [False, False]


def test_one_grant_a_person(ours, ada, linus, acme):
    with tenant_context(acme):
        for grant in (Grant.MANAGER, Grant.VIEWER, Grant.VIEWER):
            ours.grant(grant, to=linus, by=ada)
        assert [(member, grant) for member, grant in ours.team] == [(linus, Grant.VIEWER)]
        changes = list(
            AuditEvent.objects.filter(action="grant.given").order_by("seq").values_list("changes", flat=True)
        )
    assert changes == ['{"Linus": ["", "Manager"]}', '{"Linus": ["Manager", "Viewer"]}']


def test_taken_is_gone_at_the_next_request(log_in, ada, linus, managed, acme):
    url = acme.path_to("partners:grant_take", pk=managed.pk, member=linus.pk)

    assertRedirects(log_in(ada).post(url), acme.path_to("partners:detail", pk=managed.pk))

    assert log_in(linus).post(acme.path_to("partners:pause", pk=managed.pk)).status_code == 403
    with tenant_context(acme):
        assert AuditEvent.objects.get(action="grant.taken").changes == '{"Linus": ["Manager", ""]}'


def test_given_on_the_page(log_in, ada, linus, ours, acme):
    url = acme.path_to("partners:grant", pk=ours.pk)

    log_in(ada).post(url, {"member": str(linus.pk), "grant": "manage_partner"})

    assert may(linus, ours) == [True, True]
    assertContains(log_in(ada).get(acme.path_to("partners:detail", pk=ours.pk)), "Take Linus out of the team")


def test_a_viewer_stays_a_viewer(log_in, ada, vera, ours, acme):
    url = acme.path_to("partners:grant", pk=ours.pk)
    response = log_in(ada).post(url, {"member": str(vera.pk), "grant": "manage_partner"})
    assertContains(response, "Vera is a viewer of this workspace", status_code=422)

    with tenant_context(acme):
        with pytest.raises(ValueError, match="too much"):
            ours.grant(Grant.MANAGER, to=vera, by=ada)
        assign_perm("manage_partner", vera.user, ours)  # past our own acts
    assert may(vera, ours) == [False, False]


def test_who_falls_to_viewer_loses_what_a_grant_added(linus, managed, acme):
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).update(role=Role.VIEWER)

    assert may(linus, managed) == [False, False]


@pytest.mark.parametrize(
    "wrong", [{"member": ""}, {"member": "x"}, {"grant": "own_partner"}, {"grant": ""}], ids=str
)
def test_a_wrong_grant_is_refused(wrong, log_in, ada, linus, ours, acme):
    asked = {"member": str(linus.pk), "grant": "manage_partner"} | wrong

    assert log_in(ada).post(acme.path_to("partners:grant", pk=ours.pk), asked).status_code == 422


def test_nobody_of_another_workspace_gets_one(log_in, ada, grace, ours, acme):
    client = log_in(ada)
    asked = {"member": str(grace.pk), "grant": "manage_partner"}

    assert client.post(acme.path_to("partners:grant", pk=ours.pk), asked).status_code == 422
    assert client.post(acme.path_to("partners:grant_take", pk=ours.pk, member=grace.pk)).status_code == 404


def test_the_database_knows_no_grant_of_a_stranger(grace, ours, acme):
    with pytest.raises(IntegrityError), tenant_context(acme):
        assign_perm("manage_partner", grace.user, ours)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("who", ["vera", "linus"])
def test_who_may_not_give(who, request, log_in, linus, ours, acme):
    client = log_in(request.getfixturevalue(who))
    asked = {"member": str(linus.pk), "grant": "manage_partner"}

    assert client.post(acme.path_to("partners:grant", pk=ours.pk), asked).status_code == 403
    take = acme.path_to("partners:grant_take", pk=ours.pk, member=linus.pk)
    assert client.post(take).status_code == 403


@pytest.mark.parametrize("who", ["grace", "mallory"])
def test_to_others_there_is_no_team(who, request, log_in, linus, managed, acme):
    stranger = request.getfixturevalue(who)
    client = log_in(stranger)
    for tenant in (acme, stranger.tenant):
        asked = {"member": str(stranger.pk), "grant": "manage_partner"}
        assert client.post(tenant.path_to("partners:grant", pk=managed.pk), asked).status_code == 404
        take = tenant.path_to("partners:grant_take", pk=managed.pk, member=linus.pk)
        assert client.post(take).status_code == 404


# -- guardian's defaults do not leak -----------------------------------------------------------------------------


def test_being_superuser_gives_nothing(log_in, linus, ours, acme):
    linus.user.is_superuser = True
    linus.user.save()

    assert may(linus, ours) == [False, False]
    assert log_in(linus).post(acme.path_to("partners:pause", pk=ours.pk)).status_code == 403


def test_a_global_permission_gives_nothing(monkeypatch, linus, ours):
    wanted = GlobalPermission.objects.filter(codename="manage_partner")
    monkeypatch.setattr(type(linus.user), "user_permissions", wanted, raising=False)

    assert may(linus, ours) == [False, False]


def test_a_grant_in_another_workspace_gives_nothing(linus, ada, grace, pair, globex):
    ours, theirs = pair
    with tenant_context(globex):
        there = Membership.objects.create(tenant=globex, user=linus.user, role=Role.MEMBER)
        theirs.grant(Grant.MANAGER, to=there, by=grace)

    assert may(there, theirs) == [True, True]
    assert may(linus, ours) == [False, False]
    with tenant_context(ours.tenant_id, by=linus):  # nor is it to be had from over here
        assert not linus.may(Permission.CHANGE_SHARING, theirs)


def test_a_deactivated_member_has_nothing(linus, managed, acme):
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).update(is_active=False)

    assert may(linus, managed) == [False, False]


def test_a_person_whose_account_is_closed_has_nothing(linus, managed):
    linus.user.is_active = False
    linus.user.save()

    assert may(linus, managed) == [False, False]


def test_leaving_deletes_the_grants(linus, managed, acme):
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).delete()
        assert not PartnerGrant.objects.exists()
        back = Membership.objects.create(tenant=acme, user=linus.user, role=Role.MEMBER)
    assert may(back, managed) == [False, False]


def test_guardians_shortcuts_work_under_the_locks(linus, ours, acme, initech):
    with tenant_context(acme):
        assign_perm("manage_partner", linus.user, ours)
        assert list(get_user_perms(linus.user, ours)) == ["manage_partner"]
    with tenant_context(initech):
        assert list(get_user_perms(linus.user, ours)) == []
        assert not PartnerGrant.across_tenants.exists()
    with tenant_context(acme):
        remove_perm("manage_partner", linus.user, ours)
        assert not PartnerGrant.objects.exists()


# -- restricted partners ---------------------------------------------------------------------------------------


@pytest.fixture
def restricted(ours, ada, acme) -> Partner:
    with tenant_context(acme):
        ours.change(is_restricted=True, by=ada)
    return ours


@pytest.mark.parametrize(("who", "sees"), [("ada", True), ("alan", True), ("linus", False), ("vera", False)])
def test_who_sees_a_restricted_partner(who, sees, request, log_in, restricted, acme):
    client = log_in(request.getfixturevalue(who))
    for name in ("partners:detail", "overlaps:sharing"):
        status = client.get(acme.path_to(name, pk=restricted.pk)).status_code
        assert status == (200 if sees else 404)
    listing = client.get(acme.path_to("partners:list"))
    (assertContains if sees else assertNotContains)(listing, "Globex")
    assert client.post(acme.path_to("partners:pause", pk=restricted.pk)).status_code == (302 if sees else 404)


@pytest.mark.parametrize(("who", "grant"), [("vera", Grant.VIEWER), ("linus", Grant.CONTRIBUTOR)])
def test_with_any_grant_one_sees_it(who, grant, request, log_in, ada, restricted, acme):
    member = request.getfixturevalue(who)
    with tenant_context(acme):
        restricted.grant(grant, to=member, by=ada)
    client = log_in(member)

    assert client.get(acme.path_to("partners:detail", pk=restricted.pk)).status_code == 200
    assertContains(client.get(acme.path_to("partners:list")), "Globex")


def test_who_takes_the_own_grant_comes_to_the_list(log_in, linus, managed, ada, acme):
    with tenant_context(acme):
        managed.change(is_restricted=True, by=ada)
    url = acme.path_to("partners:grant_take", pk=managed.pk, member=linus.pk)

    assertRedirects(log_in(linus).post(url), acme.path_to("partners:list"))
