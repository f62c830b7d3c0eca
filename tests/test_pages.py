"""What every page keeps to, and the pages that tell of a refusal."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.http import Http404
from django.template.loader import render_to_string
from django.views import defaults
from django_htmx.middleware import HtmxMiddleware

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
PAGES = sorted(TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize("template", PAGES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_page_holds_nothing_that_the_content_policy_forbids(template):
    text = template.read_text()

    assert not re.search(r"\sstyle=", text), "no inline style"
    assert not re.search(r"\son[a-z]+=", text), "no inline handler"
    assert not re.search(r"<script(?![^>]*(\ssrc=|application/json))", text), "no inline script"
    assert not re.search(r"hx-on|javascript:|[\"'(]js:", text), "nothing that htmx would have to evaluate"
    assert not re.search(r"hx-trigger=([\"'])(?:(?!\1).)*\[", text), "no filter in a trigger either"
    assert not re.search(r"\|\s*safe\b|autoescape off", text), "nothing unescaped"


def test_templates_stand_in_one_place():
    ours = [config.path for config in apps.get_app_configs() if TEMPLATES.parent == Path(config.path).parent]

    assert len(ours) > 5
    assert [file for path in ours for file in Path(path).rglob("*.html")] == []


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 429, 500])
def test_a_refusal_needs_no_request_no_session_and_no_query(status):
    html = render_to_string(f"{status}.html")

    assert html.count("<h1>") == 1
    assert f"{status}</p>" in html
    assert 'href="/"' in html


def test_htmx_gets_a_refusal_as_a_toast(rf):
    request = HtmxMiddleware(lambda request: defaults.page_not_found(request, Http404()))
    answer = request(rf.get("/w/acme/", headers={"HX-Request": "true"}))

    assert answer.status_code == 404
    assert answer.text.startswith('<div class="toast toast--error" role="alert">')
    assert "There is nothing here" in answer.text
    assert "<html" not in answer.text


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.django_db
def test_an_address_that_leads_nowhere_gets_our_page_under_debug_too(client, settings, debug):
    settings.DEBUG = debug

    answer = client.get("/nothing/of/the/kind/")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "urlpatterns" not in answer.text and "URLconf" not in answer.text


def test_a_summary_of_errors_calls_the_fields_what_the_page_calls_them(log_in, ada):
    page = log_in(ada).post("/accounts/password/change/").text

    summary = re.search(r'role="alert".*?</ul>', page, re.DOTALL)[0]
    assert re.findall(r">([^<]+)</a>", summary) == ["Password now", "New password", "The same once more"]
