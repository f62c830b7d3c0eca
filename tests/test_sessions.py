"""A person's browsers: each is listed, and may be signed out from another one."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from audit.models import SecurityEvent
from conftest import PASSWORD

pytestmark = pytest.mark.django_db


def browser(user) -> Client:
    """Signed in by the form, so that it stands in the list."""
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def sessions_of(user) -> list[UserSession]:
    return list(UserSession.objects.filter(user=user).order_by("pk"))


def end(client: Client, session: UserSession):
    return client.post(reverse("audit:session_end", kwargs={"pk": session.pk}))


def test_ada_signs_out_the_browser_she_left_behind(ada):
    here, left_behind = browser(ada.user), browser(ada.user)
    this, other = sessions_of(ada.user)

    assert b"Sign out<span" in here.get(reverse("usersessions_list")).content
    assert end(here, other).status_code == 302

    assert left_behind.get("/w/acme/").status_code == 302
    assert here.get("/w/acme/").status_code == 200
    assert sessions_of(ada.user) == [this]
    assert SecurityEvent.objects.filter(action="person.session_ended", actor_id=ada.user.pk).count() == 1


def test_not_the_one_at_hand_and_nobody_elses(ada, mallory):
    here, theirs = browser(ada.user), browser(mallory.user)
    [hers], [his] = sessions_of(ada.user), sessions_of(mallory.user)

    assert end(here, hers).status_code == 404
    assert end(theirs, hers).status_code == 404
    assert end(Client(), hers).status_code == 302
    assert sessions_of(ada.user) == [hers]
    assert sessions_of(mallory.user) == [his]


def test_looking_ends_nothing(ada):
    here, _ = browser(ada.user), browser(ada.user)
    _, other = sessions_of(ada.user)

    assert here.get(reverse("audit:session_end", kwargs={"pk": other.pk})).status_code == 405
    assert len(sessions_of(ada.user)) == 2
