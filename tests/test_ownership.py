"""Ownership is offered by one, after giving the password anew, and taken by the other."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit.models import AuditEvent
from conftest import PASSWORD, member
from core.models import Membership
from core.roles import Role
from core.tenancy import tenant_context
from workspaces import members
from workspaces.models import OwnershipOffer

MEMBERS = "/w/acme/members/"


@pytest.fixture
def fresh(log_in):
    """A client whose person has just given the password."""

    def _fresh(membership):
        client = log_in(membership)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        return client

    return _fresh


@pytest.fixture
def offer(ada, alan) -> OwnershipOffer:
    return members.offer_ownership(alan, by=ada)


def roles(acme) -> dict[str, str]:
    with tenant_context(acme):
        return dict(Membership.objects.values_list("user__name", "role"))


def actions(acme) -> list[str]:
    with tenant_context(acme):
        return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def test_ada_passes_it_on_to_alan(fresh, log_in, ada, alan, acme, run_jobs):
    assert fresh(ada).post(f"{MEMBERS}{alan.pk}/ownership/").url == MEMBERS
    assert roles(acme) == {"Ada": "owner", "Alan": "admin"}
    run_jobs()
    assert mail.outbox[0].to == ["alan@acme.example"]
    assert "Ada offers you the ownership of Acme" in mail.outbox[0].subject
    client = log_in(alan)
    assert "offers you the ownership" in client.get(MEMBERS).content.decode()

    assert client.post("/w/acme/ownership/accept/").url == MEMBERS

    assert roles(acme) == {"Ada": "admin", "Alan": "owner"}
    assert actions(acme)[-2:] == ["ownership.offered", "ownership.accepted"]
    with tenant_context(acme):
        assert not OwnershipOffer.objects.exists()


def test_the_password_is_asked_first(log_in, ada, alan, acme):
    client = log_in(ada)
    path = f"{MEMBERS}{alan.pk}/ownership/"
    for method in (client.get, client.post):
        response = method(path)
        assert response.status_code == 302
        assert response.url.startswith("/accounts/reauthenticate/?next=")
    assert actions(acme) == []
    response = client.post(response.url, {"password": PASSWORD})
    assert response.url == path
    assert "Offer the ownership to Alan?" in client.get(path).content.decode()
    assert actions(acme) == []
    assert client.post(path).url == MEMBERS
    assert actions(acme) == ["ownership.offered"]


@pytest.mark.parametrize(("who", "status"), [("alan", 403), ("linus", 403), ("vera", 403), ("mallory", 404)])
def test_only_an_owner_offers(request, fresh, linus, acme, who, status):
    client = fresh(request.getfixturevalue(who))
    assert client.post(f"{MEMBERS}{linus.pk}/ownership/").status_code == status
    assert client.post("/w/acme/ownership/withdraw/").status_code == status
    assert actions(acme) == []


@pytest.mark.parametrize("who", ["ada", "linus", "vera", "mallory"])
@pytest.mark.parametrize("act", ["accept", "decline"])
def test_only_whom_it_is_offered_to_answers(request, log_in, offer, acme, who, act):
    before = actions(acme)
    log_in(request.getfixturevalue(who)).post(f"/w/acme/ownership/{act}/")
    assert actions(acme) == before
    assert "owner" not in {role for name, role in roles(acme).items() if name != "Ada"}


def test_not_to_strangers_owners_or_the_deactivated(fresh, ada, grace, linus, acme):
    client = fresh(ada)
    assert client.post(f"{MEMBERS}{grace.pk}/ownership/").status_code == 404
    assert client.post(f"{MEMBERS}{ada.pk}/ownership/").status_code == 403
    members.deactivate(linus, by=ada)
    assert client.post(f"{MEMBERS}{linus.pk}/ownership/").status_code == 403


def test_declined(log_in, alan, offer, acme):
    log_in(alan).post("/w/acme/ownership/decline/")
    assert actions(acme)[-1] == "ownership.declined"
    with pytest.raises(members.OfferGone):
        members.accept_ownership(by=alan)


def test_taken_back(log_in, ada, alan, offer, acme):
    assert "Take the offer back" in log_in(ada).get(MEMBERS).content.decode()
    log_in(ada).post("/w/acme/ownership/withdraw/")
    assert actions(acme)[-1] == "ownership.withdrawn"
    response = log_in(alan).post("/w/acme/ownership/accept/", follow=True)
    assert "not open any more" in response.content.decode()
    assert roles(acme) == {"Ada": "owner", "Alan": "admin"}


def test_one_offer_at_a_time(ada, alan, linus, offer):
    members.offer_ownership(linus, by=ada)
    with pytest.raises(members.OfferGone):
        members.accept_ownership(by=alan)


def test_an_old_offer_is_none(ada, alan, offer, acme):
    with tenant_context(acme):
        OwnershipOffer.objects.update(offered_at=timezone.now() - timedelta(days=8))
    with pytest.raises(members.OfferGone):
        members.accept_ownership(by=alan)


def test_it_falls_with_either_side(ada, alan, linus, acme):
    oscar = member("Oscar", acme, Role.OWNER)
    members.offer_ownership(alan, by=oscar)
    members.change_role(oscar, Role.ADMIN, by=ada)
    with pytest.raises(members.OfferGone):
        members.accept_ownership(by=alan)
    members.offer_ownership(alan, by=ada)
    members.deactivate(alan, by=ada)
    members.reactivate(alan, by=ada)
    with pytest.raises(members.OfferGone):
        members.accept_ownership(by=alan)
    members.offer_ownership(linus, by=ada)
    members.remove(linus, by=ada)
    with tenant_context(acme):
        assert not OwnershipOffer.objects.exists()


def test_a_member_may_not_by_python_either(alan, linus):
    with pytest.raises(PermissionDenied):
        members.offer_ownership(linus, by=alan)
    with pytest.raises(PermissionDenied):
        members.withdraw_ownership(by=linus)
