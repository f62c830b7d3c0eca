"""Who was invited joins: once, by the verified address, and by no dead link."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from conftest import PASSWORD, person
from core.logs import SECRET_IN_PATH
from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import person_context, tenant_context
from workspaces import members
from workspaces.models import Invitation

ACCEPT = "/invitations/accept/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def sofia(db):
    return person("Sofia", "Brightloom")


@pytest.fixture
def invitation(ada, alan, acme) -> Invitation:
    """By Alan, so that Ada can take his right away."""
    with tenant_context(acme):
        return Invitation.send(by=alan, email="sofia@brightloom.example", role=Role.MEMBER)


def link(invitation: Invitation) -> str:
    return f"/invitations/open/{invitation.token}/"


def opened(client: Client, invitation: Invitation) -> Client:
    assert client.get(link(invitation)).status_code == 303
    return client


def joining(invitation: Invitation) -> str:
    return f"/invitations/{invitation.pk}/join/"


def role_of(user, tenant) -> str | None:
    with tenant_context(tenant):
        return Membership.objects.active().filter(user=user).values_list("role", flat=True).first()


def events(tenant, action: str) -> int:
    with tenant_context(tenant):
        return AuditEvent.objects.filter(action=action).count()


# -- the way in ------------------------------------------------------------------------------------------------


def test_sofia_joins(log_in, sofia, invitation, acme):
    client = opened(log_in(sofia), invitation)
    page = client.get(ACCEPT).content.decode()
    assert "Join Acme" in page
    assert "Join as sofia@brightloom.example" in page

    response = client.post(joining(invitation))

    assert (response.status_code, response.url) == (302, "/w/acme/")
    assert role_of(sofia, acme) == "member"
    assert events(acme, "member.joined") == 1
    with tenant_context(acme):
        row = Invitation.objects.get(pk=invitation.pk)
    assert (row.state, row.token_hash, row.nonce, row.invited_by_id) == ("accepted", "", "", None)
    assert client.get(ACCEPT).status_code == 404


def test_the_clean_address_carries_no_token(client, invitation):
    response = client.get(link(invitation))
    assert (response.status_code, response.url) == (303, ACCEPT)
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    page = client.get(ACCEPT).content.decode()
    assert invitation.token not in page
    assert SECRET_IN_PATH.sub(r"\1***", f"GET {link(invitation)}") == "GET /invitations/open/***/"


def test_looking_joins_nobody(log_in, sofia, invitation, acme):
    client = opened(log_in(sofia), invitation)
    for method in (client.get, client.head):
        for path in (link(invitation), ACCEPT):
            method(path, headers={"Sec-Purpose": "prefetch"})
        for path in (joining(invitation), f"/invitations/{invitation.pk}/decline/", "/invitations/ask/"):
            assert method(path).status_code == 405
    assert role_of(sofia, acme) is None


def test_a_stranger_form_joins_nobody(sofia, invitation, acme):
    client = Client(enforce_csrf_checks=True)
    client.force_login(sofia, "allauth.account.auth_backends.AuthenticationBackend")
    opened(client, invitation)
    assert client.post(joining(invitation)).status_code == 403
    assert role_of(sofia, acme) is None


def test_anonymous_sees_who_invites_and_two_ways_in(client, invitation):
    page = opened(client, invitation).get(ACCEPT).content.decode()
    assert "Alan (alan@acme.example) invited" in page
    assert "/accounts/signup/?email=sofia%40brightloom.example&amp;next=%2Finvitations%2Faccept%2F" in page
    assert "/accounts/login/?next=%2Finvitations%2Faccept%2F" in page
    assert client.post(joining(invitation)).status_code == 302  # to the login page


def test_through_sign_in(client, sofia, invitation, acme):
    opened(client, invitation)
    response = client.post(f"/accounts/login/?next={ACCEPT}", {"login": sofia.email, "password": PASSWORD})
    assert response.url == ACCEPT
    assert "Join as" in client.get(ACCEPT).content.decode()


@pytest.mark.django_db(transaction=True)
def test_through_sign_up(client, invitation, acme):
    opened(client, invitation)
    form = {"email": "sofia@brightloom.example", "name": "Sofia", "password1": PASSWORD}
    client.post(f"/accounts/signup/?next={ACCEPT}", form | {"next": ACCEPT})
    assert client.post(joining(invitation)).status_code == 302  # signed up, not verified, not signed in
    [path] = re.findall(r"(/accounts/confirm-email/[^/\s]+/)", mail.outbox[-1].body)
    response = client.post(path)
    assert response.url == ACCEPT

    assert client.post(joining(invitation)).url == "/w/acme/"
    user = EmailAddress.objects.get(email="sofia@brightloom.example").user
    assert role_of(user, acme) == "member"
    with person_context(user):
        assert Tenant.objects.count() == 2  # the own workspace too


def test_use_another_account(log_in, grace, sofia, invitation):
    client = opened(log_in(grace), invitation)
    page = client.get(ACCEPT).content.decode()
    assert "s***@brightloom.example" in page
    assert "sofia@" not in page
    response = client.post("/invitations/other-account/")
    assert response.url == "/accounts/login/?next=%2Finvitations%2Faccept%2F"
    response = client.post(response.url, {"login": sofia.email, "password": PASSWORD})
    assert "Join as sofia@" in client.get(response.url).content.decode()


def test_the_switcher_offers_it_without_a_link(log_in, sofia, invitation, acme):
    with person_context(sofia):
        [mine] = Invitation.mine(sofia)
    assert (mine.tenant.name, mine.inviter, mine.role, mine.invitation_id) == (
        "Acme",
        "Alan",
        "member",
        invitation.pk,
    )
    response = log_in(sofia).post(joining(invitation), headers=HTMX)
    assert response["HX-Redirect"] == "/w/acme/"
    assert Invitation.mine(sofia) == []


def test_declining(log_in, sofia, invitation, acme):
    client = opened(log_in(sofia), invitation)
    assert client.post(f"/invitations/{invitation.pk}/decline/").status_code == 302
    assert events(acme, "invitation.declined") == 1
    assert client.post(joining(invitation)).status_code == 404
    assert role_of(sofia, acme) is None


# -- whose address it is ---------------------------------------------------------------------------------------


def test_grace_cannot_use_sofias_link(log_in, grace, sofia, invitation, acme):
    client = opened(log_in(grace), invitation)
    for act in ("join", "decline"):
        assert client.post(f"/invitations/{invitation.pk}/{act}/").status_code == 404
    assert role_of(grace.user, acme) is None
    assert Invitation.find(invitation.token_hash)


def test_an_unverified_address_opens_nothing(log_in, sofia, invitation, acme):
    EmailAddress.objects.filter(user=sofia).update(verified=False)
    client = opened(log_in(sofia), invitation)
    assert "Join as" not in client.get(ACCEPT).content.decode()
    assert client.post(joining(invitation)).status_code == 404
    assert Invitation.mine(sofia) == []
    with pytest.raises(Invitation.NotYours):
        Invitation.find(invitation.token_hash).accept(by=sofia)


def test_user_email_alone_opens_nothing(log_in, grace, invitation, acme):
    grace.user.email = "sofia@brightloom.example"
    grace.user.save()
    client = opened(log_in(grace), invitation)
    assert client.post(joining(invitation)).status_code == 404
    assert role_of(grace.user, acme) is None


def test_a_second_verified_address_counts(log_in, grace, invitation, acme):
    EmailAddress.objects.create(user=grace.user, email="Sofia@Brightloom.example".lower(), verified=True)
    assert opened(log_in(grace), invitation).post(joining(invitation)).url == "/w/acme/"
    assert role_of(grace.user, acme) == "member"


def test_the_page_of_one_never_accepts_another(log_in, sofia, grace, globex, invitation, acme):
    with tenant_context(globex):
        other = Invitation.send(by=grace, email="leo@x.example")
    client = opened(log_in(sofia), invitation)
    assert client.post(joining(other)).status_code == 404
    opened(client, other)
    assert client.post(joining(other)).status_code == 404
    assert (role_of(sofia, globex), role_of(sofia, acme)) == (None, None)
    assert client.post(joining(invitation)).url == "/w/acme/"
    assert role_of(sofia, globex) is None


def test_a_role_in_the_request_is_ignored(log_in, sofia, invitation, acme):
    log_in(sofia).post(joining(invitation), {"role": "owner", "tenant": acme.pk, "is_active": "true"})
    assert role_of(sofia, acme) == "member"


# -- dead links ------------------------------------------------------------------------------------------------


def expire(invitation):
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(minutes=1))


def close_workspace(acme):
    acme.is_active = False
    acme.save()


def resend(invitation, ada):
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=timezone.now() - timedelta(minutes=6))
    Invitation.objects.get(pk=invitation.pk).resend(by=ada)


DEATHS: dict[str, Callable] = {
    "revoked": lambda i, ada, alan, sofia: i.revoke(by=ada),
    "declined": lambda i, ada, alan, sofia: Invitation.objects.get(pk=i.pk).decline(by=sofia),
    "expired": lambda i, ada, alan, sofia: expire(i),
    "inviter removed": lambda i, ada, alan, sofia: members.remove(alan, by=ada),
    "inviter gone in the database": lambda i, ada, alan, sofia: alan.delete(),
    "inviter deactivated": lambda i, ada, alan, sofia: members.deactivate(alan, by=ada),
    "inviter back again": lambda i, ada, alan, sofia: (
        members.deactivate(alan, by=ada), members.reactivate(alan, by=ada)),
    "inviter demoted": lambda i, ada, alan, sofia: members.change_role(alan, Role.MEMBER, by=ada),
    "inviter demoted in the database": lambda i, ada, alan, sofia: Membership.objects.filter(pk=alan.pk).update(
        role=Role.MEMBER),
    "workspace closed": lambda i, ada, alan, sofia: close_workspace(ada.tenant),
    "person deactivated here": lambda i, ada, alan, sofia: Membership.objects.create(user=sofia, is_active=False),
}  # fmt: skip


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_link_opens_nothing(log_in, sofia, ada, alan, acme, invitation, death):
    client = opened(log_in(sofia), invitation)
    with tenant_context(acme):
        DEATHS[death](invitation, ada, alan, sofia)
    assert client.post(joining(invitation)).status_code == 404
    assert role_of(sofia, acme) is None
    assert events(acme, "member.joined") == 0
    assert Invitation.mine(sofia) == []


def test_every_dead_link_looks_the_same(client, log_in, grace, sofia, ada, alan, acme, invitation):
    def page(token: str) -> str:
        other = Client()
        other.get(f"/invitations/open/{token}/")
        response = other.get(ACCEPT)
        assert response.status_code == 404
        return re.sub(r'"x-csrftoken":"\w+"', "", response.content.decode())

    with tenant_context(acme):
        expired = Invitation.send(by=ada, email="expired@x.example")
        expire(expired)
        closed = Invitation.send(by=ada, email="closed@x.example")
        token = closed.token
        closed.revoke(by=ada)
    never = page("never")
    assert page(expired.token) == page(token) == page("x" * 43) == never
    assert "Acme" not in never


def test_a_superseded_link_is_dead_and_the_new_one_works(log_in, sofia, ada, acme, invitation):
    old = link(invitation)
    with tenant_context(acme):
        resend(invitation, ada)
        new = Invitation.objects.get(pk=invitation.pk)
    client = log_in(sofia)
    client.get(old)
    assert client.get(ACCEPT).status_code == 404
    client.get(link(new))
    assert client.get(ACCEPT).status_code == 200


def test_a_used_link_gives_nothing_back_after_removal(log_in, sofia, ada, acme, invitation):
    used = link(invitation)
    client = opened(log_in(sofia), invitation)
    client.post(joining(invitation))
    with tenant_context(acme):
        members.remove(Membership.objects.get(user=sofia), by=ada)
    client.get(used)
    assert client.get(ACCEPT).status_code == 404
    assert client.post(joining(invitation)).status_code == 404
    assert client.get("/w/acme/").status_code == 404


def test_a_member_is_not_demoted_by_an_invitation(log_in, sofia, ada, acme, invitation):
    with tenant_context(acme):
        Membership.objects.create(user=sofia, role=Role.ADMIN)
    client = opened(log_in(sofia), invitation)
    assert client.get(ACCEPT).url == "/w/acme/"
    assert client.post(joining(invitation)).status_code == 404
    with pytest.raises(Invitation.AlreadyMember):
        Invitation.find(invitation.token_hash).accept(by=sofia)
    assert role_of(sofia, acme) == "admin"


def test_expired_for_the_right_address_offers_a_new_one(log_in, sofia, acme, invitation, run_jobs):
    run_jobs()
    mail.outbox.clear()
    with tenant_context(acme):
        expire(invitation)
    client = opened(log_in(sofia), invitation)
    assert "Ask Alan for a new one" in client.get(ACCEPT).content.decode()
    for _ in range(2):
        assert client.post("/invitations/ask/").url == ACCEPT
    assert run_jobs() == ["workspaces.mail_question"]
    assert [message.to for message in mail.outbox] == [["alan@acme.example"]]
    assert events(acme, "invitation.asked") == 1
    assert "Alan knows" in client.get(ACCEPT).content.decode()


def test_expired_for_another_address_asks_nothing(log_in, grace, acme, invitation):
    with tenant_context(acme):
        expire(invitation)
    client = opened(log_in(grace), invitation)
    assert client.get(ACCEPT).status_code == 404
    assert client.post("/invitations/ask/").status_code == 404
    assert events(acme, "invitation.asked") == 0


# -- who may do what in which state ----------------------------------------------------------------------------

MOVES = ("resend", "change_role", "link", "revoke", "accept", "decline", "ask_again")
OPEN = {"pending": {"resend", "change_role", "link", "revoke", "accept", "decline"},
        "expired": {"resend", "change_role", "link", "revoke", "ask_again"}}  # fmt: skip


@pytest.mark.parametrize("state", ["pending", "expired", "accepted", "declined", "revoked"])
@pytest.mark.parametrize("move", MOVES)
def test_each_state_has_its_moves(ada, sofia, acme, invitation, state, move):
    arguments = {"by": sofia if move in {"accept", "decline", "ask_again"} else ada}
    arguments |= {"role": Role.VIEWER} if move == "change_role" else {}
    values = {"sent_at": timezone.now() - timedelta(hours=1)}
    values |= {"expires_at": timezone.now()} if state == "expired" else {"state": state}
    with tenant_context(acme):
        Invitation.objects.filter(pk=invitation.pk).update(**values)
        row = Invitation.objects.get(pk=invitation.pk)
        before = AuditEvent.objects.count()
        if move in OPEN.get(state, ()):
            getattr(row, move)(**arguments)
        else:
            with pytest.raises(Invitation.Dead):
                getattr(row, move)(**arguments)
        assert AuditEvent.objects.count() - before == (move in OPEN.get(state, ()))


# -- all at once -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_fifty_at_one_moment_join_once(sofia, invitation, acme):
    def accept(_):
        try:
            Invitation.find(invitation.token_hash).accept(by=sofia)
        except (Invitation.Dead, Invitation.AlreadyMember):
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(10) as threads:
        joined = sum(threads.map(accept, range(50)))
    assert joined == 1
    assert role_of(sofia, acme) == "member"
    assert events(acme, "member.joined") == 1


@pytest.mark.django_db(transaction=True)
def test_joining_and_revoking_at_one_moment(sofia, ada, acme, invitation):
    def accept():
        try:
            Invitation.find(invitation.token_hash).accept(by=sofia)
        except Invitation.Dead:
            return False
        finally:
            connection.close()
        return True

    def revoke():
        try:
            with tenant_context(acme):
                Invitation.objects.get(pk=invitation.pk).revoke(by=ada)
        except Invitation.Dead:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        joined, revoked = threads.submit(accept), threads.submit(revoke)
    assert joined.result() is not revoked.result()
    assert (role_of(sofia, acme) == "member") is joined.result()
