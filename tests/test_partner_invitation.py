"""From the invitation to the connection, and every way in which it does not come to that."""

import re
import threading
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from audit.models import AuditEvent
from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import person_context, tenant_context
from partners.models import (
    Connection,
    Level,
    Offer,
    Partner,
    PartnerInvitation,
    Population,
    Share,
    SharingDefault,
    SharingRule,
    all_hidden,
    stamp,
)
from tests.pairs import NAMES_OF_CUSTOMERS, connect, invite

COUNTS = all_hidden() | {Population.PROSPECTS: Level.COUNTS}
ANSWER = "/partner-invitations/accept/"
DECLINE = "/partner-invitations/decline/"
HIDDEN = {name.value: "hidden" for name in Population}


def actions(tenant: Tenant) -> list[str]:
    with tenant_context(tenant):
        events = AuditEvent.objects.filter(target_type="partners.partner").order_by("seq")
        return list(events.values_list("action", flat=True))


def open_link(client, invitation: PartnerInvitation):
    return client.get(f"/partner-invitations/open/{invitation.token}/", follow=True)


def accept(client, place: Membership, **levels: str):
    return client.post(ANSWER, {"workspace": str(place.pk), **HIDDEN, **levels})


def without_csrf(response) -> str:
    return re.sub(r'"x-csrftoken":"[^"]+"|value="[A-Za-z0-9]{64}"', "", response.content.decode())


def set_role(membership: Membership, role: Role, **fields) -> None:
    with tenant_context(membership.tenant_id):
        Membership.objects.filter(pk=membership.pk).update(role=role, **fields)


@pytest.fixture
def invitation(ada) -> PartnerInvitation:
    return invite(ada, levels=NAMES_OF_CUSTOMERS)


@pytest.fixture
def reader(log_in, grace, invitation):
    """Grace's browser, where she has opened the link."""
    client = log_in(grace)
    open_link(client, invitation)
    return client


# -- it comes to a connection ----------------------------------------------------------------------------------


def test_both_see_the_connection(ada, grace, acme, globex):
    ours, theirs = connect(ada, grace, shows=NAMES_OF_CUSTOMERS, shown=COUNTS)

    with tenant_context(acme):
        assert (ours.name, ours.state) == ("Globex", Partner.State.CONNECTED)
        assert ours.levels == NAMES_OF_CUSTOMERS
        assert ours.their_levels == COUNTS
    with tenant_context(globex):
        assert (theirs.name, theirs.domain, theirs.state) == ("Acme", "acme.example", Partner.State.CONNECTED)
        assert theirs.levels == COUNTS
        assert theirs.their_levels == NAMES_OF_CUSTOMERS
        link = Connection.objects.get()
        assert (link.inviter_version, link.invitee_version) == (2, 2)
    assert actions(acme) == ["partner.invited", "partner.connected"]
    assert actions(globex) == ["partner.connected"]


def test_ada_invites_from_the_page(log_in, ada, acme):
    asked = {
        "name": "Globex",
        "domain": "https://www.Globex.example/x",
        "email": "Grace@Globex.example",
        "note": "Hi",
    }

    response = log_in(ada).post(acme.path_to("partners:invite"), asked | HIDDEN | {"customers": "overlaps"})

    with tenant_context(acme):
        partner = Partner.objects.get()
        assert (partner.name, partner.domain, partner.state) == ("Globex", "globex.example", "invited")
        assert partner.levels == NAMES_OF_CUSTOMERS
        assert PartnerInvitation.objects.get().email == "grace@globex.example"
    assertRedirects(response, acme.path_to("partners:detail", pk=partner.pk))


def test_grace_accepts_into_her_workspace(reader, grace, acme, globex):
    page = reader.get(ANSWER)
    assertContains(page, "Ada (ada@acme.example)")
    assertContains(page, "The accounts that both have, by name, with domain, country and owner")
    assert all(bound.value() == "default" for _, bound in page.context["form"].rows)

    response = accept(reader, grace, prospects="counts")

    with tenant_context(globex):
        partner = Partner.objects.get()
        assert partner.levels == COUNTS
    assertRedirects(response, globex.path_to("partners:detail", pk=partner.pk))
    assert actions(acme) == ["partner.invited", "partner.connected"]


def test_the_trails_name_no_computer_of_the_other_side(reader, grace, acme, globex):
    accept(reader, grace)

    with tenant_context(acme):
        event = AuditEvent.objects.get(action="partner.connected")
        assert (event.actor, event.target, event.ip) == ("Grace (Globex)", "Globex", "")
    with tenant_context(globex):
        event = AuditEvent.objects.get(action="partner.connected")
        assert (event.actor, event.target, event.ip) == ("Grace", "Acme", "127.0.0.1")


def test_the_mail_has_a_link_that_works(invitation, run_jobs, log_in, grace):
    run_jobs()

    [message] = mail.outbox
    assert message.to == ["grace@globex.example"]
    assert message.subject == "Ada invites you to connect with Acme"
    [path] = re.findall(r"http://127\.0\.0\.1:8000(/partner-invitations/open/\S+/)", message.body)
    response = log_in(grace).get(path)
    assertRedirects(response, ANSWER, status_code=303)


def test_no_job_and_no_row_holds_the_token(invitation):
    assert not any(invitation.token in str(job.args) for job in ProcrastinateJob.objects.all())
    assert invitation.token not in (invitation.nonce, invitation.token_hash)


def test_names_in_the_mail_are_one_line_and_no_link(ada, acme, run_jobs):
    with tenant_context(acme):
        Tenant.objects.filter(pk=acme.pk).update(name="Acme http://evil.example")
    invite(ada, name="Globex\r\nBcc: x@evil.example")

    run_jobs()

    [message] = mail.outbox
    assert "\n" not in message.subject
    assert "evil.example" not in message.subject + message.body


def test_an_invitation_that_was_never_sent_leaves_no_job(ada, acme):
    with tenant_context(acme), pytest.raises(Partner.Changed):
        partner = Partner.objects.create(name="Globex", state=Partner.State.CONNECTED)
        PartnerInvitation.send_again(partner, email="x@globex.example", note="", levels=all_hidden(), by=ada)
    assert not ProcrastinateJob.objects.exists()


def test_a_person_of_two_workspaces_chooses(log_in, invitation, ada, grace, acme, globex):
    second = Tenant.found(owner=grace.user, name="Globex Labs")
    client = log_in(grace)
    page = open_link(client, invitation)
    assertContains(page, "Globex Labs")

    accept(client, second)

    with tenant_context(globex):
        assert not Partner.objects.exists()
    with tenant_context(second.tenant):
        assert Partner.objects.get().name == "Acme"


# -- only whom it was sent to, and only where they may -----------------------------------------------------------


def test_the_link_alone_changes_nothing(client, invitation):
    page = open_link(client, invitation)

    assertContains(page, "Sign in to answer")
    assertContains(page, "g***@globex.example")
    assertNotContains(page, invitation.token)
    assert client.post(ANSWER, HIDDEN).status_code == 403
    assert client.post(DECLINE).status_code == 403
    with tenant_context(invitation.tenant_id):
        assert PartnerInvitation.objects.get().state == "pending"


def test_somebody_else_with_the_link_may_not_answer(log_in, invitation, mallory):
    client = log_in(mallory)
    page = open_link(client, invitation)

    assertContains(page, "was sent to another address")
    assertNotContains(page, "grace@globex.example")
    assert accept(client, mallory).status_code == 403
    assert client.post(DECLINE).status_code == 403
    with tenant_context(invitation.tenant_id):
        assert not Connection.objects.exists()


def test_an_address_that_is_not_verified_is_not_yours(log_in, invitation, mallory):
    EmailAddress.objects.filter(email="grace@globex.example").delete()
    EmailAddress.objects.create(user=mallory.user, email="grace@globex.example", verified=False)
    client = log_in(mallory)
    open_link(client, invitation)

    assert accept(client, mallory).status_code == 403


def test_not_into_a_workspace_where_one_may_not_connect(reader, grace, invitation, initech, mallory):
    with tenant_context(initech):
        there = Membership.objects.create(tenant=initech, user=grace.user, role=Role.MEMBER)
    for place in (there, mallory):
        response = accept(reader, place)
        assert response.status_code == 422
        assertNotContains(response, "Initech", status_code=422)
    with tenant_context(initech):
        assert not Partner.objects.exists()


def test_not_into_the_workspace_that_invites(log_in, ada, acme, run_jobs):
    invitation = invite(ada, "ada@acme.example")
    client = log_in(ada)

    assertContains(open_link(client, invitation), "no workspace that you could connect")
    assert accept(client, ada).status_code == 422


def test_an_invented_level_is_refused(reader, grace):
    response = accept(reader, grace, customers="everything")

    assert response.status_code == 422


def test_partners_already_is_said_kindly(log_in, ada, grace):
    connect(ada, grace)
    again = invite(ada)
    client = log_in(grace)
    open_link(client, again)

    response = accept(client, grace)

    assertContains(response, "Globex and Acme are partners already", status_code=422)
    with tenant_context(again.tenant_id):
        assert Connection.objects.count() == 1


# -- dead links ------------------------------------------------------------------------------------------------


def dead_ways():
    def expired(invitation, ada):
        PartnerInvitation.objects.update(expires_at=timezone.now())

    def revoked(invitation, ada):
        invitation.revoke(by=ada)

    def resent(invitation, ada):
        PartnerInvitation.objects.update(sent_at=timezone.now() - timedelta(minutes=6))
        PartnerInvitation.objects.get().resend(by=ada)

    def demoted(invitation, ada):
        set_role(ada, Role.MEMBER)

    def deactivated(invitation, ada):
        set_role(ada, Role.OWNER, is_active=False)

    def removed(invitation, ada):
        Membership.objects.filter(pk=ada.pk).delete()

    def closed(invitation, ada):
        Tenant.objects.filter(pk=ada.tenant_id).update(is_active=False)

    return [expired, revoked, resent, demoted, deactivated, removed, closed]


@pytest.mark.parametrize("way", dead_ways(), ids=lambda way: way.__name__)
def test_dead_is_dead(way, invitation, ada, grace, log_in):
    client = log_in(grace)
    open_link(client, invitation)
    with tenant_context(invitation.tenant_id):
        way(invitation, ada)

    dead = client.get(ANSWER)

    assert dead.status_code == 410
    assert accept(client, grace).status_code == 410
    assert client.post(DECLINE).status_code == 410
    unknown = log_in(grace).get("/partner-invitations/open/nonsense/", follow=True)
    assert unknown.status_code == 410
    assert without_csrf(unknown) == without_csrf(dead)
    with tenant_context(grace.tenant_id):
        assert not Partner.objects.exists()


def test_used_is_dead(reader, log_in, grace, invitation):
    accept(reader, grace)

    assert open_link(log_in(grace), invitation).status_code == 410


def test_a_job_for_a_dead_invitation_sends_nothing(invitation, ada, acme, run_jobs):
    set_role(ada, Role.VIEWER)

    run_jobs()

    assert mail.outbox == []


def test_the_database_tells_a_stranger_the_door_only(invitation, mallory):
    with person_context(mallory.user), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM partners_invitation_door(%s)", ["0" * 64])
        assert cursor.fetchall() == []
        cursor.execute("SELECT * FROM partners_invitation_door('')")
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM partners_partnerinvitation")
        assert cursor.fetchone() == (0,)


# -- decline, resend, revoke -------------------------------------------------------------------------------------


def test_grace_declines(reader, acme, globex, grace):
    response = reader.post(DECLINE)

    assertContains(response, "Declined")
    assert actions(acme) == ["partner.invited", "partner.invitation_declined"]
    with tenant_context(acme):
        assert Partner.objects.get().state == Partner.State.DECLINED
    with tenant_context(globex):
        assert not Partner.objects.exists()


def test_a_declined_partner_is_invited_again(reader, log_in, ada, acme, grace):
    reader.post(DECLINE)
    with tenant_context(acme):
        partner = Partner.objects.get()
    url = acme.path_to("partners:invite_again", pk=partner.pk)

    log_in(ada).post(url, {"email": "grace@globex.example", "note": "", **HIDDEN})

    with tenant_context(acme):
        assert PartnerInvitation.objects.pending().get().partner == partner
        assert partner.levels == all_hidden()


def test_resend_makes_a_new_link_at_most_each_five_minutes(log_in, ada, acme, invitation):
    client, old = log_in(ada), invitation.token_hash
    url = acme.path_to("partners:invitation_resend", pk=invitation.partner_id)

    client.post(url)
    with tenant_context(acme):
        assert PartnerInvitation.objects.get().token_hash == old
        PartnerInvitation.objects.update(sent_at=timezone.now() - timedelta(minutes=6))
    client.post(url)

    with tenant_context(acme):
        assert PartnerInvitation.objects.get().token_hash != old
    assert actions(acme) == ["partner.invited", "partner.invitation_resent"]


def test_an_expired_invitation_is_sent_again_in_another_name(log_in, alan, acme, ada, invitation):
    with tenant_context(acme):
        long_ago = timezone.now() - timedelta(days=15)
        PartnerInvitation.objects.update(sent_at=long_ago, expires_at=timezone.now())
    set_role(ada, Role.MEMBER)
    url = acme.path_to("partners:detail", pk=invitation.partner_id)
    assertContains(log_in(alan).get(url), "Expired")

    log_in(alan).post(acme.path_to("partners:invitation_resend", pk=invitation.partner_id))

    with tenant_context(acme):
        again = PartnerInvitation.objects.with_inviter().get()
        assert (again.invited_by, again.is_alive) == (alan.user, True)


def test_revoked_for_good(log_in, ada, acme, invitation):
    client = log_in(ada)
    url = acme.path_to("partners:invitation_revoke", pk=invitation.partner_id)

    client.post(url)

    assert client.post(url).status_code == 404
    assert actions(acme) == ["partner.invited", "partner.invitation_revoked"]


@pytest.mark.parametrize("who", ["vera", "linus"])
def test_who_may_not_invite(who, request, log_in, acme, ada, invitation):
    client = log_in(request.getfixturevalue(who))
    url = acme.path_to("partners:invite")
    assert client.get(url).status_code == 403
    assert client.post(url, {"name": "X", "email": "x@x.example", **HIDDEN}).status_code == 403
    for name in ("invitation_resend", "invitation_revoke"):
        assert client.post(acme.path_to(f"partners:{name}", pk=invitation.partner_id)).status_code == 403


def test_to_mallory_it_does_not_exist(log_in, mallory, acme, initech, invitation):
    client = log_in(mallory)
    for name in ("invitation_resend", "invitation_revoke", "invite_again"):
        for tenant in (acme, initech):
            assert (
                client.post(tenant.path_to(f"partners:{name}", pk=invitation.partner_id)).status_code == 404
            )


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"email": "grace"},
        {"domain": "not a domain"},
        {"customers": ""},
        {"note": "x" * 281},
        {"name": "x\0y" * 60},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_form_comes_back_with_what_was_typed(wrong, log_in, ada, acme):
    asked = {"name": "Globex", "email": "grace@globex.example", "domain": "", "note": "Remember me", **HIDDEN}

    response = log_in(ada).post(acme.path_to("partners:invite"), asked | wrong)

    assert response.status_code == 422
    if "note" not in wrong:
        assertContains(response, "Remember me", status_code=422)
    with tenant_context(acme):
        assert not Partner.objects.exists()


def test_not_more_than_so_many_mails_a_day(monkeypatch, log_in, ada, acme):
    monkeypatch.setattr(PartnerInvitation, "A_DAY", 1)
    invite(ada)

    response = log_in(ada).post(
        acme.path_to("partners:invite"), {"name": "Umbrella", "email": "x@umbrella.example", **HIDDEN}
    )

    assertContains(response, "many invitations today", status_code=422)
    with tenant_context(acme):
        assert Partner.objects.count() == 1


# -- a link instead of a mail, what is known already, defaults ---------------------------------------------------

ASKED = {"name": "Globex", "domain": "globex.example", "email": "", "note": "", **HIDDEN}


def test_a_link_for_anybody_of_a_company(log_in, ada, grace, acme, globex, run_jobs):
    client = log_in(ada)
    client.post(acme.path_to("partners:invite"), ASKED | {"for_domain": "https://Globex.example/"})
    with tenant_context(acme):
        invitation = PartnerInvitation.objects.get()
        assert invitation.for_domain == "globex.example"
    assert run_jobs() == []

    page = client.post(acme.path_to("partners:invitation_link", pk=invitation.partner_id))

    [path] = re.findall(r"http://127\.0\.0\.1:8000(/partner-invitations/open/[^\"]+/)", page.text)[:1]
    reader = log_in(grace)
    assertContains(reader.get(path, follow=True), "anybody at globex.example")
    accept(reader, grace)
    assert actions(acme) == ["partner.invited", "partner.invitation_copied", "partner.connected"]
    with tenant_context(globex):
        assert Partner.objects.get().levels == all_hidden()


@pytest.mark.parametrize("who", ["vera", "linus"])
def test_who_may_not_invite_gets_no_link(who, request, log_in, acme, invitation):
    client = log_in(request.getfixturevalue(who))

    response = client.post(acme.path_to("partners:invitation_link", pk=invitation.partner_id))

    assert response.status_code == 403
    assert actions(acme) == ["partner.invited"]


def test_a_dead_invitation_has_no_link(log_in, ada, acme, invitation):
    with tenant_context(acme):
        PartnerInvitation.objects.update(expires_at=timezone.now())
    url = acme.path_to("partners:invitation_link", pk=invitation.partner_id)

    assertRedirects(log_in(ada).post(url), acme.path_to("partners:detail", pk=invitation.partner_id))
    assert actions(acme) == ["partner.invited"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"for_domain": "gmail.com"}, "for_domain"),
        ({"for_domain": "www.GMX.de"}, "for_domain"),
        ({}, "email"),
        ({"for_domain": "globex.example", "email": "grace@globex.example"}, "email"),
    ],
)
def test_an_address_or_else_a_domain_of_a_company(asked, field, log_in, ada, acme):
    response = log_in(ada).post(acme.path_to("partners:invite"), ASKED | asked)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    with tenant_context(acme):
        assert not Partner.objects.exists()


def test_who_is_connected_already_is_named_before_anything_is_sent(log_in, ada, grace, acme):
    connect(ada, grace)
    client, url = log_in(ada), acme.path_to("partners:invite")
    asked = ASKED | {"name": "Globex Labs", "domain": "", "email": "hans@globex.example"}

    assertContains(client.post(url, asked), "You and Globex are connected already.", status_code=422)
    assert client.post(url, asked | {"anyway": "on"}).status_code == 302
    with tenant_context(acme):
        assert Partner.objects.count() == 2


def test_the_default_of_the_workspace_stands_in_the_form(log_in, ada, acme):
    with tenant_context(acme):
        nothing = SharingDefault.shares()
        SharingDefault.change(
            nothing | {Population.CUSTOMERS: Share(Level.COUNTS)}, seen=stamp(nothing), by=ada
        )
    client, url = log_in(ada), acme.path_to("partners:invite")
    assertContains(client.get(url), '<span data-level="default">How many accounts overlap')

    defaults = dict.fromkeys(HIDDEN, "default")
    client.post(url, ASKED | defaults | {"email": "x@globex.example", "prospects": "overlaps"})

    with tenant_context(acme):
        shares = Partner.objects.get().shares
        assert (shares["customers"].level, shares["customers"].follows) == (Level.COUNTS, True)
        assert (shares["prospects"].level, shares["prospects"].follows) == (Level.OVERLAPS, False)


def test_a_hidden_population_of_our_own_is_not_named_to_the_invited(companies, log_in, grace):
    acme = companies.acme
    invitation = invite(acme.owner, "grace@globex.example")

    page = open_link(log_in(grace), invitation)

    assertContains(page, "Their customers")
    assertNotContains(page, acme.canary)


def test_with_another_account_the_invitation_comes_along(log_in, mallory, grace, invitation):
    client = log_in(mallory)
    assertContains(open_link(client, invitation), "Use another account")

    response = client.post("/partner-invitations/other-account/")

    assertRedirects(response, f"/accounts/login/?next={ANSWER}")
    client.force_login(grace.user, "allauth.account.auth_backends.AuthenticationBackend")
    assertContains(client.get(ANSWER), "Connect with Acme")


# -- again, and at one moment ------------------------------------------------------------------------------------


def test_after_the_end_they_may_connect_anew_with_their_old_records(ada, grace, acme, globex):
    ours, theirs = connect(ada, grace, shows=NAMES_OF_CUSTOMERS)
    with tenant_context(acme):
        ours.end(by=ada)
        again = PartnerInvitation.send_again(
            ours, email="grace@globex.example", note="", levels=all_hidden(), by=ada
        )
    with person_context(grace.user):
        record = PartnerInvitation.behind(again.token_hash).accept(by=grace, levels=all_hidden())

    assert record == theirs
    with tenant_context(acme):
        ours = Partner.objects.get()
        assert ours.state == Partner.State.CONNECTED
        assert ours.connection_id == record.connection_id


@pytest.mark.django_db(transaction=True)
def test_twenty_accepts_at_once_make_one_connection(ada, grace, acme, globex):
    invitation = invite(ada)
    results, start = [], threading.Barrier(20)

    def answer() -> None:
        try:
            with person_context(grace.user):
                offer = PartnerInvitation.behind(invitation.token_hash)
                start.wait(30)
                offer.accept(by=grace, levels=all_hidden())
                results.append("connected")
        except (PartnerInvitation.Dead, Offer.AlreadyConnected) as refused:
            results.append(type(refused).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=answer) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(results) == 20
    assert results.count("connected") == 1
    assert actions(acme) == ["partner.invited", "partner.connected"]
    assert actions(globex) == ["partner.connected"]
    with tenant_context(globex):
        assert Connection.objects.count() == Partner.objects.count() == 1
        assert SharingRule.objects.count() == len(Population)


def test_who_had_to_sign_in_first_is_led_back(client, invitation, grace, globex):
    open_link(client, invitation)
    client.force_login(grace.user, "allauth.account.auth_backends.AuthenticationBackend")

    assertContains(client.get(globex.path_to("partners:list")), ANSWER)
    accept(client, grace)
    assertNotContains(client.get(globex.path_to("partners:list")), ANSWER)


def test_who_opened_the_link_of_another_is_not_reminded(log_in, invitation, mallory, initech):
    client = log_in(mallory)
    open_link(client, invitation)

    assertNotContains(client.get(initech.path_to("partners:list")), ANSWER)
