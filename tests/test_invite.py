"""An admin invites people: what may be pasted, who may do it, what the mail says."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.roles import Role
from core.tenancy import tenant_context
from tests.counting import cost
from workspaces import members
from workspaces.invitations import parse
from workspaces.models import Invitation, Verdict

MEMBERS = "/w/acme/members/"
INVITE = "/w/acme/members/invite/"
HTMX = {"HX-Request": "true"}


def pending(acme) -> dict[str, Invitation]:
    with tenant_context(acme):
        return {one.email: one for one in Invitation.objects.pending().with_inviter()}


def actions(acme) -> list[str]:
    with tenant_context(acme):
        return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


@pytest.fixture
def leo(ada, acme) -> Invitation:
    with tenant_context(acme):
        return Invitation.send(by=ada, email="leo@acme.example")


def older(invitation, **by) -> None:
    with tenant_context(invitation.tenant_id):
        Invitation.objects.filter(pk=invitation.pk).update(sent_at=timezone.now() - timedelta(**by))


# -- what may be pasted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "read"),
    [
        ("a@x.example", ["a@x.example"]),
        ("A@X.Example, b@x.example;c@x.example\nd@x.example\te@x.example f@x.example",
         ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example"]),
        ("Ada Lovelace <ada@x.example>, Leo <leo@x.example>", ["ada@x.example", "leo@x.example"]),
        ('"Lovelace, Ada" <ada@x.example>; <b@x.example>', ["ada@x.example", "b@x.example"]),
        ("mailto:a@x.example (b@x.example). 'c@x.example'", ["a@x.example", "b@x.example", "c@x.example"]),
        ("a@x.example, A@x.example", ["a@x.example"]),
        ("a\u200b@x.example\ufeff\u00a0b@x.example", ["a@x.example", "b@x.example"]),
        ("ops@x nobody", ["ops@x", "nobody"]),
        (" ,;\n<>", []),
    ],
)  # fmt: skip
def test_any_paste_is_read(pasted, read):
    assert parse(pasted) == read


def test_a_long_paste_is_read_in_no_time():
    assert parse('"' * 20_000) == []
    assert len(parse("<" * 20_000)) <= 1


# -- sending ---------------------------------------------------------------------------------------------------


def test_ada_invites_two(log_in, ada, acme, run_jobs):
    response = log_in(ada).post(
        INVITE, {"emails": "Leo <LEO@acme.example>, sue@x.example", "role": "viewer", "note": "Hi!"}
    )

    assert (response.status_code, response.url) == (302, MEMBERS)
    assert pending(acme).keys() == {"leo@acme.example", "sue@x.example"}
    leo = pending(acme)["leo@acme.example"]
    assert (leo.role, leo.note, leo.invited_by.user, leo.mailed_at) == ("viewer", "Hi!", ada.user, None)
    assert actions(acme).count("member.invited") == 2
    assert run_jobs() == ["workspaces.mail_invitation"] * 2
    assert [message.to for message in mail.outbox] == [["leo@acme.example"], ["sue@x.example"]]
    assert pending(acme)["leo@acme.example"].mailed_at


def test_the_mail_is_taken_back_with_the_invitation(ada, acme, run_jobs):
    with pytest.raises(ZeroDivisionError), tenant_context(acme):
        Invitation.send(by=ada, email="leo@acme.example")
        raise ZeroDivisionError
    assert (pending(acme), run_jobs()) == ({}, [])


def test_one_wrong_address_and_nothing_is_sent(log_in, ada, acme):
    typed = {"emails": "leo@acme.example, ops@acme", "role": "viewer", "note": "Hello <there>"}
    response = log_in(ada).post(INVITE, typed)

    page = response.content.decode()
    assert response.status_code == 422
    assert "ops@acme is not an e-mail address." in page
    assert "leo@acme.example, ops@acme" in page
    assert "Hello &lt;there&gt;" in page
    assert '<option value="viewer" selected>' in page
    assert pending(acme) == {}


def test_members_and_the_invited_are_skipped_and_named(log_in, ada, linus, leo, acme):
    response = log_in(ada).post(
        INVITE, {"emails": "linus@acme.example leo@acme.example sue@x.example", "role": "member"}, follow=True
    )
    page = response.content.decode()
    assert "1 invitation sent." in page
    assert "linus@acme.example is a member." in page
    assert "leo@acme.example is invited already." in page
    assert pending(acme)["leo@acme.example"].token == leo.token


def test_nobody_left_to_invite(log_in, ada, linus):
    for emails in ("linus@acme.example", " , ;", ""):
        assert log_in(ada).post(INVITE, {"emails": emails, "role": "member"}).status_code == 422


@pytest.mark.parametrize(
    "form", [{"note": "x" * 281}, {"emails": "a\0@x.example"}, {"role": ""}, {"role": "king"}]
)
def test_bad_input_is_told_beside_the_field(log_in, ada, acme, form):
    typed = {"emails": "a@x.example", "role": "member"} | form
    assert log_in(ada).post(INVITE, typed).status_code == 422
    assert pending(acme) == {}


def test_fifty_at_a_time(log_in, ada, acme):
    many = " ".join(f"p{n}@x.example" for n in range(51))
    response = log_in(ada).post(INVITE, {"emails": many, "role": "member"})
    assert response.status_code == 422
    assert "At most 50" in response.content.decode()
    assert log_in(ada).post(INVITE, {"emails": many[:-13], "role": "member"}).status_code == 302
    assert len(pending(acme)) == 50


def test_the_preview_sends_nothing(log_in, ada, linus, acme):
    response = log_in(ada).post(
        f"{INVITE}preview/",
        {"emails": "linus@acme.example a@x.example b@x.example ops@x", "role": "admin"},
        headers=HTMX,
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert "is a member" in page
    assert "is not an e-mail address" in page
    assert "Send 2 invitations" in page
    assert "<html" not in page
    assert pending(acme) == {}


# -- who may ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"), [("ada", 302), ("alan", 302), ("linus", 403), ("vera", 403), ("mallory", 404)]
)
def test_who_may_invite(request, log_in, acme, who, status):
    client = log_in(request.getfixturevalue(who))
    assert client.post(INVITE, {"emails": "leo@x.example", "role": "member"}).status_code == status
    assert len(pending(acme)) == (status == 302)


@pytest.mark.parametrize("act", ["resend", "revoke", "role", "link"])
@pytest.mark.parametrize(("who", "status"), [("alan", 302), ("linus", 403), ("vera", 403), ("mallory", 404)])
def test_who_may_touch_an_invitation(request, log_in, leo, acme, act, who, status):
    older(leo, minutes=6)
    client = log_in(request.getfixturevalue(who))
    before = len(actions(acme))
    response = client.post(f"/w/acme/invitations/{leo.pk}/{act}/", {"role": "viewer"})
    assert response.status_code == (200 if (act, status) == ("link", 302) else status)
    assert len(actions(acme)) - before == (status == 302)


def test_nobody_invites_an_owner(log_in, ada, alan, acme):
    for by in (ada, alan):
        assert log_in(by).post(INVITE, {"emails": "leo@x.example", "role": "owner"}).status_code == 422
        with pytest.raises(PermissionDenied), tenant_context(acme):
            Invitation.send(by=by, email="leo@x.example", role=Role.OWNER)
    assert pending(acme) == {}


def test_what_else_is_posted_is_ignored(log_in, ada, grace, acme, globex):
    log_in(ada).post(
        INVITE,
        {"emails": "leo@x.example", "role": "member", "tenant": globex.pk, "tenant_id": globex.pk, "state": "accepted",
         "invited_by": grace.pk, "token_hash": "0" * 64, "nonce": "x", "id": ada.pk, "expires_at": "2099-01-01"},
    )  # fmt: skip
    leo = pending(acme)["leo@x.example"]
    assert (leo.tenant, leo.invited_by.user, leo.state) == (acme, ada.user, "pending")
    assert leo.expires_at < timezone.now() + timedelta(days=8)
    assert leo.token_hash != "0" * 64
    with tenant_context(globex):
        assert not Invitation.objects.exists()


def test_ids_of_other_workspaces_do_not_exist(log_in, leo, mallory, acme):
    client = log_in(mallory)
    for act in ("resend", "revoke", "role", "link"):
        assert client.post(f"/w/initech/invitations/{leo.pk}/{act}/", {"role": "viewer"}).status_code == 404
    assert pending(acme)["leo@acme.example"].token == leo.token


def test_get_does_nothing(log_in, ada, leo):
    client = log_in(ada)
    for act in ("resend", "revoke", "role", "link"):
        assert client.get(f"/w/acme/invitations/{leo.pk}/{act}/").status_code == 405


# -- one invitation --------------------------------------------------------------------------------------------


def test_resending_makes_the_old_link_dead(ada, leo, acme, run_jobs):
    run_jobs()
    older(leo, minutes=6)
    old = leo.token_hash
    with tenant_context(acme):
        leo.resend(by=ada)
    assert run_jobs() == ["workspaces.mail_invitation"]
    with pytest.raises(Invitation.Dead):
        Invitation.find(old)
    assert Invitation.find(leo.token_hash) == leo
    assert leo.token in mail.outbox[-1].body


def test_once_in_five_minutes(log_in, ada, leo, acme):
    response = log_in(ada).post(f"/w/acme/invitations/{leo.pk}/resend/", follow=True)
    assert "Please wait" in response.content.decode()
    assert pending(acme)["leo@acme.example"].token == leo.token


def test_five_mails_a_day_to_one_address(ada, leo, acme):
    with tenant_context(acme):
        for _ in range(4):
            older(leo, minutes=6)
            leo.resend(by=ada)
        older(leo, minutes=6)
        with pytest.raises(Invitation.TooSoon):
            leo.resend(by=ada)
        leo.revoke(by=ada)
        with pytest.raises(Invitation.Refused) as refused:
            Invitation.send(by=ada, email=leo.email)
    assert refused.value.verdict is Verdict.ENOUGH


def test_a_workspace_has_so_many_mails_a_day(ada, acme, monkeypatch):
    monkeypatch.setattr(Invitation, "A_DAY", 2)
    with tenant_context(acme):
        verdicts = [one.verdict for one in Invitation.judge(["a@x.example", "b@x.example", "c@x.example"])]
        assert verdicts == ["send", "send", "full"]
        for name in "ab":
            Invitation.send(by=ada, email=f"{name}@x.example")
        with pytest.raises(Invitation.Refused):
            Invitation.send(by=ada, email="c@x.example")


def test_who_declined_is_not_invited_again(ada, leo, acme):
    with tenant_context(acme):
        Invitation.objects.filter(pk=leo.pk).update(state="declined")
        [leo] = Invitation.judge(["leo@acme.example"])
    assert leo.verdict is Verdict.DECLINED


def test_who_is_deactivated_is_not_invited(ada, linus, acme):
    with tenant_context(acme):
        members.deactivate(linus, by=ada)
        [again] = Invitation.judge(["linus@acme.example"])
    assert again.verdict is Verdict.DEACTIVATED


def test_the_role_of_an_invitation_changes_below_owner(log_in, alan, leo, acme):
    client = log_in(alan)
    path = f"/w/acme/invitations/{leo.pk}/role/"
    assert client.post(path, {"role": "admin"}, headers=HTMX).status_code == 200
    assert pending(acme)["leo@acme.example"].role == "admin"
    assert client.post(path, {"role": "owner"}).status_code == 403
    assert client.post(path, {"role": "king"}).status_code == 403
    assert pending(acme)["leo@acme.example"].role == "admin"


def test_the_link_is_shown_on_demand_and_noted(log_in, ada, leo, acme, settings):
    settings.SITE_URL = "https://cosell.example"
    link = f"https://cosell.example/invitations/open/{leo.token}/"
    client = log_in(ada)
    assert leo.token not in client.get(MEMBERS).content.decode()
    for headers in ({}, HTMX):
        assert link in client.post(f"/w/acme/invitations/{leo.pk}/link/", headers=headers).content.decode()
    assert actions(acme)[-2:] == [Action.INVITATION_COPIED.value] * 2


@pytest.mark.parametrize("act", ["resend", "revoke", "role", "link"])
def test_what_is_closed_is_told(log_in, ada, leo, acme, act):
    with tenant_context(acme):
        leo.revoke(by=ada)
    count = len(actions(acme))
    response = log_in(ada).post(f"/w/acme/invitations/{leo.pk}/{act}/", {"role": "viewer"}, follow=True)
    assert response.status_code == (404 if act == "link" else 200)
    assert len(actions(acme)) == count


# -- the mail --------------------------------------------------------------------------------------------------


def test_links_come_from_the_settings(log_in, ada, run_jobs, settings):
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://cosell.example", ["*"]
    log_in(ada).post(
        INVITE,
        {"emails": "leo@x.example", "role": "member"},
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    )
    run_jobs()
    assert "https://cosell.example/invitations/open/" in mail.outbox[0].body
    assert "evil.example" not in mail.outbox[0].message().as_string()


def test_names_in_the_mail_are_harmless(ada, acme, run_jobs):
    ada.user.name = "Ada\r\nBcc: spy@evil.example\n\n<b>click</b>"
    ada.user.save()
    with tenant_context(acme):
        acme.name = "https://evil.example/ " + "x" * 78
        acme.save()
        Invitation.send(by=ada, email="leo@x.example", note="see http://evil.example/login\r\nnow")
    run_jobs()
    [message] = mail.outbox
    assert message.to == message.recipients() == ["leo@x.example"]
    assert "\n" not in message.subject
    assert len(message.subject) <= 150
    assert "evil.example" not in message.body  # joined with word joiners: nothing that becomes a link
    assert "http://evil" not in message.body
    assert message.content_subtype == "plain"
    assert set(message.message().keys()) >= {"Auto-Submitted"}
    assert "Bcc" not in message.message()


def test_the_token_is_not_in_the_database(leo, acme, django_db_blocker):
    from django.db import connection

    with tenant_context(acme), connection.cursor() as cursor:
        for table in ("workspaces_invitation", "procrastinate_jobs", "audit_auditevent"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{leo.token}%"])
            assert cursor.fetchone() == (0,)


def test_the_job_looks_again(ada, alan, acme, run_jobs):
    def by_alan(email):
        with tenant_context(acme):
            return Invitation.send(by=alan, email=email)

    with tenant_context(acme):
        by_alan("a@x.example").revoke(by=ada)
        by_alan("b@x.example")
        members.change_role(alan, Role.MEMBER, by=ada)
        members.change_role(alan, Role.ADMIN, by=ada)
        by_alan("c@x.example")
        members.deactivate(alan, by=ada)
    run_jobs()
    assert mail.outbox == []


# -- the page --------------------------------------------------------------------------------------------------


def test_the_page_costs_the_same_for_any_number(log_in, ada, leo, acme, linus):
    client = log_in(ada)
    client.get(MEMBERS)
    few = cost(client, MEMBERS)
    with tenant_context(acme):
        for n in range(30):
            Invitation.send(by=ada, email=f"p{n}@x.example")
    assert cost(client, MEMBERS) == few
    assert few <= 13  # one of them restores the context around a request, which only tests have
    page = client.get(MEMBERS).content.decode()
    assert "All 31 invitations" in page
    page = client.get("/w/acme/invitations/?page=2").content.decode()
    assert page.count("Revoke</button>") == 6


def test_only_who_invites_sees_invitations(log_in, leo, linus, vera):
    for who in (linus, vera):
        page = log_in(who).get(MEMBERS).content.decode()
        assert "leo@acme.example" not in page
        assert "Invite people" not in page
        assert log_in(who).get("/w/acme/invitations/").status_code == 403
