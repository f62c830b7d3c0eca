import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory

from core.models import Membership, Tenant, User
from core.templatetags import cosell

ROOT = Path(__file__).resolve().parent.parent


def render(source, **context):
    return Template("{% load cosell %}" + source).render(Context(context))


def a_request(path="/", **attributes):
    request = RequestFactory().get(path)
    for name, value in attributes.items():
        setattr(request, name, value)
    return request


# -- icons ---------------------------------------------------------------------------------------------------


def test_an_icon_is_drawn_inline_and_hidden_from_screen_readers():
    html = render('{% icon "search" size="sm" %}')

    assert html.startswith('<svg class="i i--sm"')
    assert 'aria-hidden="true"' in html
    assert "<circle" in html


def test_an_unknown_icon_is_a_mistake():
    with pytest.raises(KeyError):
        render('{% icon "no-such-thing" %}')


def test_every_icon_in_the_templates_exists():
    text = "".join(file.read_text() for file in (ROOT / "templates").rglob("*.html"))
    used = set(re.findall(r'{% icon "([^"]+)"', text)) | set(
        re.findall(r'{% place "[^"]+" "[^"]+" "([^"]+)"', text)
    )

    assert used
    assert used <= cosell.drawings().keys()


# -- links ---------------------------------------------------------------------------------------------------


def test_a_path_leads_into_the_workspace_at_hand():
    tenant = SimpleNamespace(path_to=lambda name, **kwargs: f"/w/acme/{name}/{kwargs['pk']}/")

    assert render('{% path_to "accounts" pk=7 %}', request=a_request(tenant=tenant)) == "/w/acme/accounts/7/"


def test_a_query_is_changed_and_begins_at_page_one():
    request = a_request("/?stage=open&owner=ada&page=4")

    html = render("{% query_with stage='customer' owner=None %}", request=request)

    assert html == "?stage=customer"
    assert request.GET["stage"] == "open"


def test_a_query_takes_several_values_and_stays_escaped():
    html = render("{% query_with q=q tag=tags %}", request=a_request(), q='"<b>&', tags=["a", "b"])

    assert html == "?q=%22%3Cb%3E%26&amp;tag=a&amp;tag=b"


def test_a_full_address_comes_from_the_settings(settings):
    settings.SITE_URL = "https://cosell.example"

    assert render("{% full_url %}") == "https://cosell.example/"
    assert render('{% full_url "account_login" %}') == "https://cosell.example/accounts/login/"


@pytest.mark.parametrize(
    ("view_name", "place"),
    [
        ("workspaces:home", "home"),
        ("workspaces:members", "settings"),
        ("audit:list", "settings"),
        ("overlaps:list", "overlaps"),
        ("overlaps:accounts", "accounts"),
        ("overlaps:import", "accounts"),
        ("overlaps:sharing_confirm", "partners"),
        ("overlaps:sharing_defaults_confirm", "settings"),
        ("overlaps:preset_edit", "settings"),
        ("intros:detail", "intros"),
        ("account_email", ""),
    ],
)
def test_a_page_belongs_to_a_place(view_name, place):
    request = a_request(resolver_match=SimpleNamespace(view_name=view_name))

    assert render("{% place_at_hand %}", request=request) == place


def test_an_entry_of_the_navigation_says_where_we_are_and_what_waits():
    request = a_request(
        tenant=SimpleNamespace(path_to=lambda name: "/w/acme/intros/"),
        resolver_match=SimpleNamespace(view_name="intros:detail"),
    )

    html = render('{% place "intros:list" "Intros" "inbox" count=5 %}', request=request)

    assert 'href="/w/acme/intros/" aria-current="page"' in html
    assert "5<span" in html and "waiting for you" in html


def test_there_is_no_entry_for_a_page_that_does_not_exist():
    request = a_request(tenant=Tenant(slug="acme"), resolver_match=None)

    assert render('{% place "nowhere:list" "Nowhere" "inbox" %}', request=request).strip() == ""


# -- avatars -------------------------------------------------------------------------------------------------


def test_a_workspace_is_a_square_and_a_person_a_circle():
    assert "avatar--ws" in render("{% avatar thing %}", thing=Tenant(name="Acme"))
    assert "avatar--ws" not in render("{% avatar thing %}", thing=User(name="Ada Lovelace"))
    assert "avatar--ws" not in render("{% avatar thing %}", thing="sofia@acme.example")


def test_a_membership_wears_the_face_of_its_person():
    ada = User(name="Ada Lovelace")

    assert render("{% avatar m %}", m=Membership(user=ada)) == render("{% avatar ada %}", ada=ada)


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Halyard Labs", "HL"),
        ("Brightloom", "BR"),
        ("ada.lovelace@acme.example", "AL"),
        ("Jean-Luc de la Tour", "JT"),
        ("Ł", "Ł"),
        ("東京 商会", "東商"),
        ("!!!", "?"),
        ("<script>", "?"),
    ],
)
def test_initials(name, initials):
    assert f">{initials}<" in render("{% avatar name %}", name=name)


def test_a_hue_stays_with_its_owner_and_an_accent_goes_before_it():
    acme = Tenant(name="Acme")
    renamed = Tenant(id=acme.id, name="Zenith")
    hue = re.compile(r'data-hue="([1-8])"')

    assert (
        hue.search(render("{% avatar t %}", t=acme))[1] == hue.search(render("{% avatar t %}", t=renamed))[1]
    )
    assert 'data-hue="3"' in render("{% avatar t %}", t=Tenant(name="Acme", accent="3"))


def test_a_logo_stands_for_the_initials_where_members_look(monkeypatch):
    monkeypatch.setattr(Tenant, "path_to", lambda self, name, version: f"/logo/{version}.png")
    acme = Tenant(name="Acme", logo_version="abc")

    here, elsewhere = a_request(tenant=acme), a_request(tenant=None)
    picture = '<img class="avatar avatar--ws" src="/logo/abc.png" alt="">'

    assert picture in render("{% avatar t %}", t=acme, request=here)
    assert picture in render("{% avatar t logo=True %}", t=acme, request=elsewhere)
    assert "<img" not in render("{% avatar t %}", t=acme, request=elsewhere)
    assert "<img" not in render("{% avatar t %}", t="Acme", request=elsewhere)


# -- forms ---------------------------------------------------------------------------------------------------


class SampleForm(forms.Form):
    name = forms.CharField(help_text="As your customers write it.")
    level = forms.ChoiceField(choices=[("hidden", "Hidden")], widget=forms.RadioSelect)
    note = forms.CharField(required=False, widget=forms.Textarea)
    secret = forms.CharField(required=False, widget=forms.PasswordInput)
    token = forms.CharField(widget=forms.HiddenInput)


def test_a_field_has_a_label_a_control_and_a_hint():
    html = render('{% field form.name placeholder="Acme" hx_get="/check/" %}', form=SampleForm())

    assert '<label class="field__label" for="id_name">Name</label>' in html
    assert 'class="input"' in html and 'placeholder="Acme"' in html and 'hx-get="/check/"' in html
    assert 'aria-describedby="id_name_helptext"' in html and 'id="id_name_helptext"' in html
    assert "autofocus" not in html


def test_a_wrong_field_says_so_beside_it_and_keeps_what_was_typed():
    form = SampleForm({"name": "", "note": "<b>kept</b>"})

    name, note = render("{% field form.name %}", form=form), render("{% field form.note %}", form=form)

    assert 'aria-invalid="true"' in name and " autofocus" in name
    assert 'aria-describedby="id_name_helptext id_name_error"' in name
    assert 'id="id_name_error"' in name and "This field is required." in name
    assert "&lt;b&gt;kept&lt;/b&gt;" in note and "(optional)" in note and "autofocus" not in note


def test_choices_are_a_group_with_a_legend():
    html = render("{% field form.level %}", form=SampleForm({}))

    assert '<fieldset class="field" id="id_level" aria-describedby="id_level_error">' in html
    assert "<legend" in html and 'type="radio"' in html and "<span>Hidden</span>" in html


def test_a_label_and_a_hint_can_be_said_otherwise():
    html = render('{% field form.name label="Company" hint="" %}', form=SampleForm())

    assert ">Company</label>" in html
    assert "helptext" not in html


def test_a_password_can_be_shown():
    assert 'data-reveal="id_secret"' in render("{% field form.secret %}", form=SampleForm())


def test_the_errors_of_a_form_link_to_its_fields():
    form = SampleForm({})
    form.add_error(None, "Two <of> you")

    html = render("{% form_errors form %}", form=form)

    assert "Two &lt;of&gt; you" in html
    assert 'href="#id_name"' in html and 'href="#id_level"' in html and "2 fields" in html
    assert render("{% form_errors form %}", form=SampleForm()).strip() == ""


def test_a_form_as_a_whole_looks_the_same():
    html = render("{{ form }}", form=SampleForm())

    assert 'class="input"' in html and 'type="hidden" name="token"' in html


# -- lists, times, numbers -----------------------------------------------------------------------------------


def test_pages_keep_the_filter():
    page = Paginator(range(1_300), 25).page(2)

    html = render("{% pager page %}", page=page, request=a_request("/?stage=open&page=2"))

    assert "26 to 50 of 1,300" in html
    assert 'href="?stage=open&amp;page=1"' in html and 'href="?stage=open&amp;page=3"' in html


def test_one_page_needs_no_pager():
    page = Paginator(range(3), 25).page(1)

    assert render("{% pager page %}", page=page, request=a_request()).strip() == ""


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=40), "12 Oct"),
        (timedelta(days=400), "17 Oct 2025"),
        (-timedelta(seconds=20), "in 1 min"),
        (-timedelta(hours=18), "in 18 h"),
        (-timedelta(hours=30), "tomorrow"),
        (-timedelta(days=7), "in 7 days"),
        (-timedelta(days=90), "19 Feb 2027"),
    ],
)
def test_how_long_ago(span, words, monkeypatch):
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    monkeypatch.setattr(cosell.timezone, "now", lambda: now)

    html = render("{{ when|ago }}", when=now - span)

    assert f">{words}</time>" in html
    assert 'title="' in html and "datetime=" in html


def test_never_is_empty():
    assert render("{{ when|ago }}", when=None) == ""


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, ""),
        (0, "0"),
        (9_999, "9,999"),
        (12_400, "12.4k"),
        (999_499, "999k"),
        (999_950, "1M"),
        (2_410_000, "2.41M"),
        (-35_000, "-35k"),
        (7_000_000_000, "7B"),
    ],
)
def test_three_figures_are_enough(number, words):
    assert render("{{ number|compact }}", number=number) == words


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8", "Unknown browser"),
    ],
)
def test_which_browser(agent, words):
    assert render("{{ agent|browser }}", agent=agent) == words
