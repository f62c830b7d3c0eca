import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overlaps.keys import domain_key, domain_of, free_mail, keys_of, names_domain, platforms, registrable


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("acme.com", "acme.com"),
        ("ACME.COM", "acme.com"),
        ("  acme.com  ", "acme.com"),
        ("acme.com.", "acme.com"),
        ("www.acme.com", "acme.com"),
        ("https://www.acme.com/", "acme.com"),
        ("https://www.acme.com/about?x=1#team", "acme.com"),
        ("//acme.com/x", "acme.com"),
        ("HTTP://ACME.COM:8080", "acme.com"),
        ("https://user:secret@acme.com:443/x", "acme.com"),
        ("acme.com:443", "acme.com"),
        ("acme.com\\path", "acme.com"),
        ("shop.eu.acme.co.uk", "acme.co.uk"),
        ("jane@acme.com", "acme.com"),
        ("mailto:jane@mail.acme.com", "acme.com"),
        ("<https://acme.com>", "acme.com"),
        ('"acme.com"', "acme.com"),
        ("www.acme.com, www.acme.de", "acme.com"),
        ("acme.com;acme.de", "acme.com"),
        ("acme.com | acme.de", "acme.com"),
        ("https://acme.com https://acme.de", "acme.com"),
        ("acme.com\nacme.de", "acme.com"),
        ("acme.github.io", "acme.github.io"),
        ("blog.acme.github.io", "acme.github.io"),
        ("x.myshopify.com", "x.myshopify.com"),
        ("ａｃｍｅ.com", "acme.com"),
        ("acme。com", "acme.com"),
        ("acme．com", "acme.com"),
        ("ac\u200bme.com", "acme.com"),
        ("\ufeffacme.com", "acme.com"),
        ("google.com", "google.com"),
        ("velatra.example", "velatra.example"),
        ("a-b.com", "a-b.com"),
        ("3m.com", "3m.com"),
    ],
)
def test_one_company_has_one_key(text, key):
    assert domain_key(text) == key


@pytest.mark.parametrize(
    "text", ["münchen.de", "MÜNCHEN.DE", "xn--mnchen-3ya.de", "www.XN--MNCHEN-3YA.de/x", "mu\u0308nchen.de"]
)
def test_an_international_name_has_one_form(text):
    assert domain_key(text) == "xn--mnchen-3ya.de"


def test_suffixes_in_other_scripts_too():
    assert (
        domain_key("食狮.公司.cn") == domain_key("xn--85x722f.xn--55qx5d.cn") == "xn--85x722f.xn--55qx5d.cn"
    )


def test_a_look_alike_is_another_domain():
    assert domain_key("аcme.com") not in {"", "acme.com"}  # its first letter is Cyrillic


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "..", "-", "N/A", "n/a", "none", "unknown", "null", "localhost", "acme", "Acme Corp",
        "acme corp.com",
        "1.2.3.4", "http://10.0.0.1:8000/", "[::1]", "http://[2001:db8::1]/", "2001:db8::1", "com", "co.uk",
        "github.io",
        "acme.notatld", "-acme.com", "acme-.com", "ac_me.com", "acme..com", "http://", "https:///x", "@", "jane@",
        "mailto:",
        "xn--.com", "xn--zzzzzz99999.com", "a" * 64 + ".com", "a." * 200 + "com", "\x00", "acme\x00.com", "💥",
        "\ud800.com",
        "http://" * 300, "javascript:alert(1)", "=HYPERLINK(\"x\")",
    ],
)  # fmt: skip
def test_what_is_no_domain_has_no_key(text):
    assert domain_key(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "gmail.com", "jane@googlemail.com", "jane@yahoo.co.uk", "t-online.de", "protonmail.com", "www.web.de",
        "linkedin.com/company/acme", "https://www.linkedin.com/in/jane", "facebook.com/acme", "m.facebook.com",
        "x.com/acme",
        "twitter.com/acme", "youtube.com/@acme", "crunchbase.com/organization/acme", "jobs.lever.co/acme",
        "boards.greenhouse.io/acme", "acme.workable.com", "acme.wordpress.com", "acme.wixsite.com/home",
        "sites.google.com/view/acme", "docs.google.com/forms/x", "bit.ly/3x", "tinyurl.com/x", "acme.slack.com",
        "acme.medium.com", "acme.sharepoint.com", "t.co/x", "en.wikipedia.org/wiki/Acme", "github.com/acme",
    ],
)  # fmt: skip
def test_what_many_companies_share_is_nobodys_key(text):
    assert domain_key(text) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acme.com", ""),
        ("", ""),
        ("  ", ""),
        ("jane@gmail.com", "mail_provider"),
        ("facebook.com/acme", "social"),
        ("crunchbase.com/organization/acme", "directory"),
        ("jobs.lever.co/acme", "careers"),
        ("acme.wordpress.com", "hosting"),
        ("bit.ly/3x", "short_link"),
        ("10.0.0.1", "ip_address"),
        ("[2001:db8::1]", "ip_address"),
        ("acme.notatld", "unknown_suffix"),
        ("github.io", "unknown_suffix"),
        ("N/A", "no_domain"),
        ("acme corp", "no_domain"),
    ],
)
def test_why_there_is_no_key(text, problem):
    assert domain_of(text).problem == problem
    assert bool(domain_of(text).key) == (text.startswith("acme.com"))


def test_the_short_way_finds_what_the_library_finds():
    suffixes = [suffix.lstrip("*!.") for suffix in registrable.tlds]
    for host in [
        f"{before}{suffix}" for suffix in suffixes for before in ("", "acme.", "www.acme.", "a.b.acme.")
    ]:
        if host.isascii() and domain_of(host).problem in {"", "unknown_suffix"}:
            found = registrable(host.removeprefix("www."))
            assert domain_key(host) == (
                f"{found.domain}.{found.suffix}" if found.domain and found.suffix else ""
            )


@pytest.mark.parametrize(
    ("name", "domain", "seen"),
    [
        ("acme industry", "acme.com", True),
        ("sap", "sap.de", True),
        ("kuper computer", "kupercomputer.com", True),
        ("coca cola", "coca-cola.com", True),
        ("international business machine", "ibm.com", True),
        ("fleetcor technology", "corpay.com", False),
        ("acme", "", False),
        ("", "acme.com", False),
    ],
)
def test_a_name_is_seen_in_a_domain(name, domain, seen):
    assert names_domain(name, domain) is seen


def test_all_keys_of_an_account():
    keys = keys_of(
        name="Acme Holdings GmbH", website="https://www.acme.de/", country="Germany", number="DE143454214"
    )
    assert keys._asdict() == {
        "name": "acme holding",
        "form": "gmbh",
        "bits": keys.bits,
        "core": "acme holding",
        "is_core": False,
        "country": "DE",
        "domain": "acme.de",
        "names_domain": True,
        "number": "DE-vat:143454214",
    }
    assert 0 < keys.bits < 30


def test_a_company_that_hosts_others_is_a_company_itself():
    assert domain_key("https://www.slack.com/") == "slack.com"
    assert domain_key("acme.slack.com") == ""


def test_the_lists_are_clean():
    for name in free_mail() | platforms().keys():
        assert name == name.strip().lower() and "." in name and " " not in name


def test_nothing_is_fetched(monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError("the suffix list was about to be fetched")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert domain_key("www.some-company-never-seen.co.jp") == "some-company-never-seen.co.jp"


@given(st.text(max_size=80))
def test_any_text_gives_a_key_or_none_and_a_key_is_its_own_key(text):
    key = domain_key(text)
    assert key == "" or domain_key(key) == domain_key(f"https://www.{key}/x") == key
    assert key.isascii() and len(key) <= 253
