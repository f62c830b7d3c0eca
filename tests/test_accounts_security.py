"""allauth as it is configured here: who gets in, how often one may try, and what a stranger can learn."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter as mfa_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from conftest import PASSWORD
from core.models import User

LOGIN = "/accounts/login/"
NEW_PASSWORD = "another horse battery"
PER_ACCOUNT, PER_IP = 5, 10


@pytest.fixture(autouse=True)
def mailbox(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


def sign_in(client: Client, email: str = "ada@acme.example", password: str = PASSWORD, **kwargs):
    return client.post(LOGIN, {"login": email, "password": password}, **kwargs)


def tried(response) -> bool:
    """The password was looked at."""
    return b"Too many failed" not in response.content and response.status_code != 429


def words(response) -> str:
    return re.sub(r"csrf\S+|value=\"\S+\"|[\w-]+@[\w.-]+", "", response.content.decode())


# -- coming in -------------------------------------------------------------------------------------------------


def test_the_session_id_is_new_after_sign_in(client, ada):
    client.get(LOGIN)
    client.session["mark"] = 1
    session = client.session
    session["mark"] = 1
    session.save()
    client.cookies["sessionid"] = session.session_key
    before = session.session_key

    assert sign_in(client).url == "/"

    assert client.cookies["sessionid"].value != before
    assert not Session.objects.filter(session_key=before).exists()


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example", "\t//evil.example"],
)
def test_sign_in_leads_nowhere_else(client, ada, target):
    assert client.post(LOGIN, {"login": ada.user.email, "password": PASSWORD, "next": target}).url == "/"


def test_sign_in_leads_back_to_the_page_asked_for(client, ada):
    login_page = client.get("/w/acme/?q=1").url

    assert client.post(
        login_page, {"login": ada.user.email, "password": PASSWORD, "next": "/w/acme/?q=1"}
    ).url == ("/w/acme/?q=1")


def test_an_inactive_person_stays_outside(client, ada):
    sign_in(client)
    User.objects.filter(pk=ada.user_id).update(is_active=False)

    assert client.get("/").url.startswith(LOGIN)
    assert sign_in(Client()).status_code in {302, 422}
    assert Client().get("/").url.startswith(LOGIN)


# -- what a stranger can learn ---------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_address_look_alike(client, ada):
    known, unknown = (
        sign_in(client, password="wrong"),
        sign_in(client, email="nobody@acme.example", password="wrong"),
    )

    assert known.status_code == unknown.status_code == 422
    assert words(known) == words(unknown)


def test_asking_for_a_new_password_looks_alike(client, ada, mailoutbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        known = client.post("/accounts/password/reset/", {"email": ada.user.email}, follow=True)
        unknown = client.post("/accounts/password/reset/", {"email": "nobody@acme.example"}, follow=True)

    assert known.redirect_chain == unknown.redirect_chain
    assert words(known) == words(unknown)
    assert [mail.to for mail in mailoutbox] == [["ada@acme.example"], ["nobody@acme.example"]]


def test_adding_an_address_of_somebody_else_looks_alike(
    log_in, ada, grace, django_capture_on_commit_callbacks
):
    client = log_in(ada)
    answers = []
    for email in ("grace@globex.example", "free@globex.example"):
        sign_in(client)
        answers.append(client.post("/accounts/email/", {"action_add": "", "email": email}))

    assert len({(a.status_code, getattr(a, "url", "")) for a in answers}) == 1
    assert not EmailAddress.objects.filter(
        user=ada.user, email="grace@globex.example", verified=True
    ).exists()


@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/accounts/signup/"])
def test_links_in_mails_ignore_the_host_header(
    db, client, ada, path, settings, mailoutbox, django_capture_on_commit_callbacks
):
    settings.SITE_URL = "https://cosell.example"
    fields = {"email": ada.user.email, "name": "A", "company": "", "password1": PASSWORD}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(path, fields, headers={"host": "localhost:6666"})

    [mail] = mailoutbox
    assert "6666" not in mail.body
    assert "https://cosell.example/accounts/password/reset/" in mail.body


# -- how often -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["ada@acme.example", "ADA@acme.example", "nobody@acme.example"])
def test_an_account_can_be_tried_five_times_however_it_is_written(ada, email):
    variants = [email, email.upper(), email.title(), f" {email} "]
    answers = [
        sign_in(
            Client(),
            variants[n % 4],
            "wrong",
            REMOTE_ADDR=f"10.0.0.{n}",
            headers={"host": f"localhost:{n + 1}"},
        )
        for n in range(12)
    ]

    assert sum(map(tried, answers)) == PER_ACCOUNT


def test_a_forged_x_forwarded_for_changes_nothing(ada):
    answers = [
        sign_in(Client(), f"nobody{n}@acme.example", "wrong", headers={"x-forwarded-for": f"10.0.0.{n}"})
        for n in range(15)
    ]

    assert sum(map(tried, answers)) == PER_IP


def test_behind_one_proxy_its_word_counts_and_no_earlier_one(ada, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        sign_in(
            Client(), f"nobody{n}@acme.example", "wrong", headers={"x-forwarded-for": f"10.0.0.{n}, 10.9.9.9"}
        )
        for n in range(15)
    ]

    assert sum(map(tried, answers)) == PER_IP


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("one_account", [True, False])
def test_the_limits_hold_for_fifty_at_one_moment(one_account, ada, settings):
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login": "1000/m/ip"}

    def attempt(n):
        email = "ada@acme.example" if one_account else f"nobody{n}@acme.example"
        try:
            # One account from fifty places; fifty accounts from one place.
            return tried(
                sign_in(Client(), email, "wrong", REMOTE_ADDR=f"10.0.0.{n}" if one_account else "10.0.0.1")
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        looked_at = sum(pool.map(attempt, range(50)))

    assert 1 <= looked_at <= (PER_ACCOUNT if one_account else PER_IP)


def test_after_the_limit_the_right_password_does_not_help_until_later(client, ada):
    for _ in range(PER_ACCOUNT):
        sign_in(client, password="wrong")

    assert not tried(sign_in(client))
    assert client.get("/").url.startswith(LOGIN)


# -- sensitive pages ask again ---------------------------------------------------------------------------------


def prove(client: Client) -> Client:
    """Sign in, and answer the question for the password that sensitive pages ask."""
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def lose_patience(client: Client) -> Client:
    session = client.session
    session["account_authentication_methods"] = [
        record | {"at": time.time() - 301} for record in session["account_authentication_methods"]
    ]
    session.save()
    return client


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("get", "/accounts/2fa/totp/activate/", {}),
        ("get", "/accounts/2fa/webauthn/add/", {}),
        ("get", "/accounts/2fa/recovery-codes/generate/", {}),
        ("post", "/accounts/email/", {"action_add": "", "email": "ada@other.example"}),
    ],
)
def test_they_ask_for_the_password_once_more(client, ada, method, path, fields):
    sign_in(client)
    assert getattr(client, method)(path, fields).url.startswith("/accounts/reauthenticate/")

    answer = getattr(prove(Client()), method)(path, fields)
    assert not getattr(answer, "url", "").startswith("/accounts/reauthenticate/")

    EmailAddress.objects.filter(email="ada@other.example").delete()
    later = getattr(lose_patience(prove(Client())), method)(path, fields)
    assert later.url.startswith("/accounts/reauthenticate/")


def test_the_answer_is_limited_and_leads_on(client, ada):
    sign_in(client)
    asked = client.get("/accounts/2fa/totp/activate/").url

    assert client.post(asked, {"password": "wrong"}).status_code == 422
    assert client.post(asked, {"password": PASSWORD}).url == "/accounts/2fa/totp/activate/"
    assert client.get("/accounts/2fa/totp/activate/").status_code == 200


# -- the second step -------------------------------------------------------------------------------------------


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


@pytest.fixture
def secret(ada) -> str:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(ada.user, secret)
    return secret


def test_totp_can_be_set_up_and_brings_recovery_codes(client, ada):
    prove(client)
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret

    client.post("/accounts/2fa/totp/activate/", {"code": code_for(secret)})

    assert {a.type for a in Authenticator.objects.filter(user=ada.user)} == {"totp", "recovery_codes"}
    assert client.get("/accounts/2fa/recovery-codes/").status_code == 200


def test_with_totp_the_password_is_not_enough(client, ada, secret):
    assert sign_in(client).url == reverse("mfa_authenticate")
    assert client.get("/w/acme/").url.startswith(LOGIN)
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 422

    assert client.post(reverse("mfa_authenticate"), {"code": code_for(secret)}).url == "/"
    assert client.get("/").url == "/w/acme/"


def test_a_code_opens_once(ada, secret):
    code = code_for(secret)
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client)

    assert first.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    assert second.post(reverse("mfa_authenticate"), {"code": code}).status_code == 422


def test_a_recovery_code_opens_once(ada, secret):
    codes = RecoveryCodes.activate(ada.user)
    code = codes.get_unused_codes()[0]
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client)

    assert first.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    assert second.post(reverse("mfa_authenticate"), {"code": code}).status_code == 422


def test_secrets_are_not_stored_in_the_clear(ada, secret):
    stored = str(Authenticator.objects.get(user=ada.user, type="totp").data)

    assert secret not in stored
    assert (
        mfa_adapter().decrypt(Authenticator.objects.get(user=ada.user, type="totp").data["secret"]) == secret
    )


def test_passkeys_have_their_pages(client, ada):
    prove(client)

    assert client.get("/accounts/2fa/webauthn/").status_code == 200
    assert client.get("/accounts/2fa/webauthn/add/").status_code == 200
    assert b"mfa_credential" in Client().get(LOGIN).content


# -- sessions --------------------------------------------------------------------------------------------------


def test_sign_out_kills_the_session(client, ada):
    sign_in(client)
    old = client.cookies["sessionid"].value
    answer = client.post("/accounts/logout/")
    assert "cache" in answer["Clear-Site-Data"]

    thief = Client()
    thief.cookies["sessionid"] = old
    assert thief.get("/").url.startswith(LOGIN)


def test_a_new_password_ends_every_session(ada):
    here, there = Client(), Client()
    sign_in(here)
    sign_in(there)

    here.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert there.get("/").url.startswith(LOGIN)
    assert here.get("/").url.startswith(LOGIN)


def test_the_others_can_be_ended_from_the_list(ada):
    here, there = Client(), Client()
    sign_in(here)
    sign_in(there)
    page = here.get("/accounts/sessions/")
    assert len(page.context["sessions"]) == 2

    here.post("/accounts/sessions/")

    assert there.get("/").url.startswith(LOGIN)
    assert here.get("/").url == "/w/acme/"


def test_nobody_sees_the_sessions_of_another(ada, grace):
    hers, his = Client(), Client()
    sign_in(hers)
    sign_in(his, "grace@globex.example")

    assert {session.user for session in his.get("/accounts/sessions/").context["sessions"]} == {grace.user}


def test_every_page_of_an_account_is_private(client, ada):
    sign_in(client)
    for path in ("email/", "password/change/", "2fa/", "sessions/"):
        page = client.get(f"/accounts/{path}")
        assert page.status_code == 200
        assert {"private", "no-store"} <= set(page["Cache-Control"].split(", "))
