import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives

from config.devmail.backend import EmailBackend
from config.devmail.views import mailbox as mailbox_page


@pytest.fixture
def mailbox(settings, tmp_path):
    settings.MAILERS = {
        "default": {
            "BACKEND": "config.devmail.backend.EmailBackend",
            "OPTIONS": {"directory": tmp_path / "mail"},
        }
    }
    return EmailBackend(alias="default", directory=tmp_path / "mail")


@pytest.fixture
def look(mailbox, rf, settings):
    """The page itself, as in development."""
    settings.DEBUG = True
    return lambda query="": mailbox_page(rf.get(f"/dev/mail/{query}")).text


def message(
    subject="Welcome", body="Open http://127.0.0.1:8000/accounts/confirm-email/MQ:1x-Yz/ now.", **kwargs
):
    return EmailMessage(subject, body, "Cosell <cosell@localhost>", ["ada@acme.example"], **kwargs)


def test_without_debug_there_is_no_mailbox(client, db):
    assert client.get("/dev/mail/").status_code == 404


def test_an_empty_mailbox_says_so(look):
    assert "No mail yet" in look()


def test_a_mail_appears_with_a_working_link(mailbox, look):
    assert mailbox.send_messages([message()]) == 1

    html = look()

    assert "Welcome" in html and "ada@acme.example" in html
    assert 'href="http://127.0.0.1:8000/accounts/confirm-email/MQ:1x-Yz/"' in html


def test_the_newest_comes_first_and_a_page_holds_twenty(mailbox, look):
    mailbox.send_messages([message(subject=f"Mail no. {number:02}") for number in range(21)])

    html = look()

    assert html.index("Mail no. 20") < html.index("Mail no. 19")
    assert "Mail no. 00" not in html
    assert "Mail no. 00" in look("?page=2")


def test_letters_from_everywhere_and_markup_arrive_as_text(mailbox, look):
    both = EmailMultiAlternatives("Grüße aus Łódź", "<script>alert(1)</script> 東京", to=["ada@acme.example"])
    both.attach_alternative("<p>other</p>", "text/html")
    mailbox.send_messages([both])

    html = look()

    assert "Grüße aus Łódź" in html and "東京" in html
    assert "<script>alert" not in html and "&lt;script&gt;" in html


def test_no_half_written_mail_is_shown(mailbox, look):
    mailbox.send_messages([message()])
    (mailbox.directory / "1.part").write_bytes(b"Subject: half")

    assert "half" not in look()
