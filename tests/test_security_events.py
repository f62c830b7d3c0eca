"""What happens to an account or at a door: one event each, in one line, with no secret in it."""

import re

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from audit.models import SecurityEvent
from conftest import PASSWORD
from core.models import User

NEW_PASSWORD = "another horse battery"
HOME = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": "Firefox"}


@pytest.fixture
def visitor():
    return Client(**HOME)


@pytest.fixture
def happened():
    """The actions recorded since the last call."""
    seen = set(SecurityEvent.objects.values_list("pk", flat=True)) if connection.in_atomic_block else set()

    def since() -> list[str]:
        fresh = list(SecurityEvent.objects.exclude(pk__in=seen).order_by("seq"))
        seen.update(event.pk for event in fresh)
        return [event.action for event in fresh]

    return since


def newest() -> SecurityEvent:
    return SecurityEvent.objects.newest_first()[0]


def sign_in(visitor, user, password=PASSWORD):
    return visitor.post(reverse("account_login"), {"login": user.email, "password": password})


def confirm(visitor):
    return visitor.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def test_in_and_out(visitor, ada, happened):
    sign_in(visitor, ada.user)
    assert happened() == ["person.signed_in"]
    event = newest()
    assert (event.actor_id, event.actor, event.ip, event.agent) == (
        ada.user.pk,
        "Ada",
        "192.0.2.7",
        "Firefox",
    )
    assert event.changes == '{"with": "password"}'

    visitor.post(reverse("account_logout"))
    assert happened() == ["person.signed_out"]
    assert newest().actor == "Ada"


def test_a_wrong_password(visitor, ada, happened):
    sign_in(visitor, ada.user, "wrong horse battery")

    assert happened() == ["person.sign_in_failed"]
    assert (newest().actor_id, newest().changes) == (ada.user.pk, '{"step": "password"}')
    assert "wrong horse" not in str(newest().exported())


def test_an_address_nobody_has_is_kept_disguised(visitor, db, happened):
    for address in ("Nobody@Nowhere.example", "nobody@nowhere.example "):
        visitor.post(reverse("account_login"), {"login": address, "password": "wrong horse battery"})

    assert happened() == ["person.sign_in_failed"] * 2
    one, two = SecurityEvent.objects.newest_first()[:2]
    assert one.changes == two.changes
    assert "nowhere" not in str(one.exported()).lower()
    assert one.actor_id is None


def test_known_and_unknown_addresses_cost_the_same(visitor, ada):
    def cost(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            visitor.post(reverse("account_login"), {"login": address, "password": "wrong horse battery"})
        return len(
            [query for query in queries if "audit_" in query["sql"] or "account_emailaddress" in query["sql"]]
        )

    assert cost(ada.user.email) - cost("nobody@nowhere.example") == 0


def test_a_deactivated_person(visitor, ada, happened):
    User.objects.filter(pk=ada.user.pk).update(is_active=False)
    sign_in(visitor, ada.user)

    assert happened() == ["person.sign_in_failed"]


def test_a_wrong_password_when_asked_once_more(visitor, ada, happened):
    sign_in(visitor, ada.user)
    visitor.post(reverse("account_reauthenticate"), {"password": "wrong horse battery"})

    assert happened() == ["person.signed_in", "person.sign_in_failed"]


def test_the_password_changes(visitor, ada, happened):
    sign_in(visitor, ada.user)
    confirm(visitor)
    happened()

    visitor.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert sorted(happened()) == ["person.password_changed", "person.signed_out"]
    assert not SecurityEvent.objects.filter(changes__contains="horse").exists()


def test_the_password_is_reset_by_mail(
    visitor, ada, mailoutbox, happened, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        visitor.post(reverse("account_reset_password"), {"email": ada.user.email})
    assert happened() == []
    (link,) = (word for word in mailoutbox[0].body.split() if "/password/reset/key/" in word)
    page = visitor.get(link[link.index("/accounts/") :], follow=True).request["PATH_INFO"]

    visitor.post(page, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert happened() == ["person.password_reset"]
    assert newest().actor == "Ada"


def test_addresses_come_change_and_go(visitor, ada, happened):
    sign_in(visitor, ada.user)
    confirm(visitor)
    happened()

    def manage(**data):
        return visitor.post(reverse("account_email"), data)

    manage(action_add="", email="ada@home.example")
    assert happened() == ["person.email_added"]

    key = EmailConfirmationHMAC(EmailAddress.objects.get(email="ada@home.example")).key
    visitor.post(reverse("account_confirm_email", args=[key]))
    assert happened() == ["person.email_confirmed"]

    manage(action_primary="", email="ada@home.example")
    assert happened() == ["person.email_changed"]
    assert newest().changes == '{"address": ["ada@acme.example", "ada@home.example"]}'

    manage(action_remove="", email="ada@acme.example")
    assert happened() == ["person.email_removed"]


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def test_second_steps_come_fail_and_go(visitor, ada, happened):
    sign_in(visitor, ada.user)
    confirm(visitor)
    happened()

    visitor.get(reverse("mfa_activate_totp"))
    secret = visitor.session["mfa.totp.secret"]
    visitor.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    assert sorted(happened()) == ["person.mfa_added", "person.mfa_reset"]
    assert secret not in str([event.exported() for event in SecurityEvent.objects.all()])

    visitor.post(reverse("mfa_generate_recovery_codes"))
    assert happened() == ["person.mfa_reset"]

    visitor.post(reverse("account_logout"))
    sign_in(visitor, ada.user)
    assert happened() == ["person.signed_out"]  # half signed in is not signed in
    visitor.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert happened() == ["person.sign_in_failed"]
    assert newest().changes == '{"step": "totp"}'

    sign_in(visitor, ada.user)
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    visitor.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert happened() == ["person.signed_in"]
    assert newest().changes == '{"with": "password, recovery_codes"}'
    assert str(newest()) == "Ada signed in"  # two ways are no change from one to the other

    confirm(visitor)
    happened()
    visitor.post(reverse("mfa_deactivate_totp"))
    assert happened() == ["person.mfa_removed"]


def test_a_step_that_is_rolled_back_leaves_no_event(ada, happened):
    with pytest.raises(RuntimeError), transaction.atomic():
        TOTP.activate(ada.user, "A" * 32)
        raise RuntimeError

    assert happened() == []


def test_a_session_that_is_ended_from_another(visitor, ada, happened):
    sign_in(visitor, ada.user)
    other = Client(REMOTE_ADDR="192.0.2.99", HTTP_USER_AGENT="Stolen\x1b[31m\r\nphone")
    sign_in(other, ada.user)
    happened()

    visitor.post(reverse("usersessions_list"))

    assert happened() == ["person.session_ended"]
    assert newest().changes == '{"address": "192.0.2.99", "browser": "Stolen [31m phone"}'
    assert newest().ip == "192.0.2.7"


# -- refused at a workspace ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_foreign_and_absent_workspaces_answer_and_record_alike(log_in, ada, grace, method, headers):
    def knock(slug: str):
        client = log_in(ada)
        before = SecurityEvent.objects.count()
        with CaptureQueriesContext(connection) as queries:
            response = getattr(client, method)(f"/w/{slug}/audit/", headers=headers, REMOTE_ADDR="192.0.2.7")
        assert SecurityEvent.objects.count() == before + 1
        event = newest()
        assert (event.action, event.actor, event.ip) == ("workspace.access_refused", "Ada", "192.0.2.7")
        assert event.changes == f'{{"workspace": "{slug}"}}'
        page = re.sub(rb'csrf[^"]*":? ?(value=)?"[^"]+"', b"", response.content.replace(slug.encode(), b""))
        return response.status_code, len(queries), page

    assert knock("globex") == knock("absent")


@pytest.mark.parametrize("slug", ["a%0d%0ab", "%1b[31mred", "x" * 3000, "%E2%80%A8", "%ff"])
def test_a_hostile_slug_is_one_short_line(log_in, ada, slug):
    assert log_in(ada).get(f"/w/{slug}/").status_code == 404

    event = newest()
    assert event.action == "workspace.access_refused"
    assert event.changes.isprintable()
    assert len(event.changes) < 200


def test_what_can_be_no_slug_is_not_there(log_in, ada):
    assert log_in(ada).get("/w/%00/").status_code == 404


def test_strangers_without_a_name_leave_no_event(db, happened):
    assert Client().get("/w/acme/").status_code == 302
    assert happened() == []


# -- the page ------------------------------------------------------------------------------------------------

PAGE = "/accounts/security/"


def test_everybody_sees_the_own_events_only(visitor, ada, grace, log_in):
    sign_in(visitor, ada.user, "wrong horse battery")
    sign_in(visitor, ada.user)
    log_in(grace)

    response = visitor.get(PAGE)

    assertContains(response, "failed to sign in")
    assertContains(response, "192.0.2.7")
    assertNotContains(response, "Grace")


def test_the_log_is_paged_at_constant_cost(visitor, ada, log_in, django_assert_max_num_queries):
    client = log_in(ada)

    def cost(page="") -> int:
        with django_assert_max_num_queries(20) as queries:
            assert client.get(PAGE, {"page": page}).status_code == 200
        return len(queries)

    few = cost()
    for _ in range(60):
        log_in(ada)
    assert cost() == few
    for page in ("2", "99", "-1", "nonsense", "9" * 40, "\x00"):
        cost(page)
    assertContains(client.get(PAGE, {"page": 3}), "51 to 61 of 61")


def test_the_log_asks_for_a_sign_in(client, db):
    assert client.get(PAGE).status_code == 302
