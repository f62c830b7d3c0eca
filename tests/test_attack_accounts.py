"""Ways to another person's account, address or invitation."""

import re
from html.parser import HTMLParser

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from audit.signals import whoever_has
from conftest import PASSWORD, person
from core.models import Membership, User
from core.tenancy import person_context, tenant_context
from partners.models import PartnerInvitation
from tests.pairs import invite
from workspaces.models import Invitation

# What upper-cases to the same letters; the second one's mail goes to another house.
INVITED, LOOK_ALIKE = "kim@skilink.example", "kim@skıl\u0131nk.example"


@pytest.fixture(autouse=True)
def _fresh(db, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    cache.clear()


@pytest.fixture
def sent(mailoutbox, django_capture_on_commit_callbacks):
    """The paths to a page in the mails that this request sends."""

    def _sent(client: Client, path: str, fields: dict[str, str], to: str) -> list[str]:
        before = len(mailoutbox)
        with django_capture_on_commit_callbacks(execute=True):
            client.post(path, fields)
        mails = [mail for mail in mailoutbox[before:] if mail.to == [to]]
        return [link for mail in mails for link in re.findall(r"http://[^/\s]+(/accounts/\S+)", mail.body)]

    return _sent


class Tags(HTMLParser):
    """What a browser takes for markup."""

    def __init__(self) -> None:
        super().__init__()
        self.names, self.attributes = set(), set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


# -- look-alike addresses -----------------------------------------------------------------------------------------


@pytest.fixture
def look_alike(mallory) -> User:
    EmailAddress.objects.create(user=mallory.user, email=LOOK_ALIKE, verified=True)
    return mallory.user


def test_a_look_alike_address_takes_no_partner_invitation(ada, mallory, look_alike):
    invitation = invite(ada, INVITED)
    with person_context(look_alike):
        offer = PartnerInvitation.behind(invitation.token_hash)
        assert not offer.is_for(look_alike)


def test_a_look_alike_address_takes_no_invitation(ada, look_alike):
    with tenant_context(ada.tenant, by=ada):
        invitation = Invitation.send(by=ada, email=INVITED)
    assert not invitation.is_for(look_alike)
    assert Invitation.mine(look_alike) == []


def test_a_look_alike_address_is_nobody_in_the_trail(look_alike):
    assert whoever_has(LOOK_ALIKE) == look_alike
    assert whoever_has(INVITED) is None


# -- addresses taken before their owner comes -----------------------------------------------------------------------


def test_a_second_address_that_nobody_proved_brings_no_reset_of_the_account(client, ada, log_in, sent):
    """Ada's account, with Sofia's address added and never proved: whoever reads Sofia's mail gets no way into it,
    and Ada none to what Sofia would do there."""
    attacker = log_in(ada)
    attacker.post("/accounts/reauthenticate/", {"password": PASSWORD})
    attacker.post("/accounts/email/", {"email": "sofia@b.example", "action_add": ""})
    assert ada.user.emailaddress_set.filter(email="sofia@b.example", verified=False).exists()

    links = sent(client, "/accounts/password/reset/", {"email": "sofia@b.example"}, "sofia@b.example")

    assert [link for link in links if "/password/reset/key/" in link] == []


def test_who_signs_up_with_an_address_that_waits_elsewhere_has_it_alone(client, ada, log_in, sent):
    attacker = log_in(ada)
    attacker.post("/accounts/reauthenticate/", {"password": PASSWORD})
    [waiting] = sent(
        attacker, "/accounts/email/", {"email": "sofia@b.example", "action_add": ""}, "sofia@b.example"
    )
    cache.clear()  # one mail to an address in three minutes

    form = {"email": "sofia@b.example", "name": "Sofia", "company": "B", "password1": PASSWORD}
    [link] = sent(client, "/accounts/signup/", form, "sofia@b.example")
    client.post(link)

    sofia = User.objects.get(email="sofia@b.example")
    assert sofia != ada.user
    assert list(EmailAddress.objects.filter(email="sofia@b.example", verified=True)) == [
        sofia.emailaddress_set.get()
    ]
    attacker.post(waiting)  # Sofia presses the older link, too
    assert not ada.user.emailaddress_set.filter(email="sofia@b.example", verified=True).exists()


def test_a_waiting_browser_gets_nothing_when_the_owner_proves_the_address(db, sent):
    """Mallory signs up with Sofia's address; Sofia takes the account back by a new password, and proves it."""
    mallory, sofia = Client(), Client()
    form = {"email": "sofia@b.example", "name": "M", "company": "B", "password1": "mallory knows this"}
    [proof] = sent(mallory, "/accounts/signup/", form, "sofia@b.example")
    [reset] = sent(sofia, "/accounts/password/reset/", {"email": "sofia@b.example"}, "sofia@b.example")
    sofia.post(sofia.get(reset).url, {"password1": PASSWORD, "password2": PASSWORD})
    sofia.post(proof)

    for path in ("/accounts/confirm-email/", "/accounts/login/", "/", proof):
        mallory.get(path, follow=True)
        assert "_auth_user_id" not in mallory.session
    mallory.post(proof)
    assert "_auth_user_id" not in mallory.session


# -- one browser, two people ---------------------------------------------------------------------------------------


def test_an_opened_link_does_not_outlive_the_session(ada, grace, log_in):
    browser = log_in(grace)
    browser.get(f"/partner-invitations/open/{invite(ada, grace.user.email).token}/")
    with tenant_context(ada.tenant, by=ada):
        browser.get(f"/invitations/open/{Invitation.send(by=ada, email=grace.user.email).token}/")

    browser.post("/accounts/logout/")

    assert browser.get("/partner-invitations/accept/").status_code == 410
    assert browser.get("/invitations/accept/").status_code == 404


def test_the_next_person_at_the_browser_answers_nothing_for_the_one_before(ada, grace, mallory, log_in):
    """The link was opened before anybody signed in; then somebody else does."""
    browser = Client()
    browser.get(f"/partner-invitations/open/{invite(ada, grace.user.email).token}/")
    browser.post("/accounts/login/", {"login": mallory.user.email, "password": PASSWORD})
    assert "_auth_user_id" in browser.session

    levels = {"customers": "hidden", "open_opportunities": "hidden", "prospects": "hidden"}
    taken = browser.post("/partner-invitations/accept/", {"workspace": str(mallory.pk), **levels})
    declined = browser.post("/partner-invitations/decline/")

    assert (taken.status_code, declined.status_code) == (403, 403)
    assert grace.user.email not in taken.text + declined.text
    with tenant_context(ada.tenant):
        assert PartnerInvitation.objects.get().state == "pending"


# -- what an address in the address may do ---------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["/accounts/signup/", "/accounts/login/"])
def test_a_prefilled_address_stays_text(client, db, door):
    evil = "\"><img src=x onerror=alert(1)>' hx-get=/x"
    found = Tags()
    found.feed(client.get(door, {"email": evil, "login": evil, "next": evil}).text)
    assert "img" not in found.names
    assert not {"onerror", "hx-get"} & found.attributes


# -- what the inviting side learns -----------------------------------------------------------------------------------


def test_the_preview_knows_no_more_than_the_workspace(ada, grace, log_in):
    """An address with an account somewhere else, an operator's, and one without: the same words."""
    person("Sofia", "Brightloom")
    User.objects.filter(pk=person("Root", "Hosting").pk).update(is_superuser=True)
    browser, answers = log_in(ada), set()
    known = [grace.user.email, "sofia@brightloom.example", "root@hosting.example"]
    for email in [*known, "nobody@nowhere.example"]:
        text = browser.post("/w/acme/members/invite/preview/", {"emails": email, "role": "member"}).text
        answers.add(text.replace(email, "").replace(email[0].upper(), "").replace(email[:2].upper(), ""))
    assert len({re.sub(r'data-hue="\d"|>[A-Z?]{1,2}<', "", answer) for answer in answers}) == 1


def test_one_that_was_removed_has_no_way_back_by_a_second_address(ada, linus, acme, log_in):
    """Linus had a colleague invite his other address, and kept that for later."""
    with tenant_context(acme, by=ada):
        Invitation.send(by=ada, email="linus@home.example")
    EmailAddress.objects.create(user=linus.user, email="linus@home.example", verified=True)
    log_in(ada).post(f"/w/acme/members/{linus.pk}/remove/")

    [mine] = Invitation.mine(linus.user) or [None]
    if mine:
        log_in(linus).post(f"/invitations/{mine.invitation_id}/join/")
    with tenant_context(acme):
        assert not Membership.objects.filter(user=linus.user).exists()
