"""What every template needs: icons, links inside the workspace, avatars, fields, pages, times and numbers."""

import json
import zlib
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.paginator import Page
from django.forms import (
    BaseForm,
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    FileInput,
    PasswordInput,
    RadioSelect,
    Select,
    SelectMultiple,
    Textarea,
)
from django.template import Context
from django.template.defaultfilters import date as format_date
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

ICONS = Path(__file__).resolve().parent.parent / "icons"


@cache
def drawings() -> dict[str, str]:
    files = (ICONS / "lucide.json", ICONS / "own.json")
    return {name: drawing for file in files for name, drawing in json.loads(file.read_text()).items()}


@register.simple_tag
@cache
def icon(name: str, size: str = "") -> SafeString:
    """`{% icon "search" %}`, `{% icon "search" size="sm" %}`. Decoration only: the words stand beside it."""
    return format_html(
        '<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>',
        f"i i--{size}" if size else "i",
        mark_safe(drawings()[name]),  # noqa: S308  our own files, never input
    )


# -- links ---------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def path_to(context: Context, name: str, **kwargs: Any) -> str:
    """The address of a page in the workspace at hand."""
    return context["request"].tenant.path_to(name, **kwargs)


@register.simple_tag
def full_url(name: str = "", **kwargs: Any) -> str:
    """For mails: an address with the host from the settings, never from a request's Host header."""
    return settings.SITE_URL + (reverse(name, kwargs=kwargs) if name else "/")


@register.simple_tag(takes_context=True)
def query_with(context: Context, **changes: Any) -> str:
    """This page's query string with changes; None takes a value out. Other filters begin at page one."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        elif isinstance(value, list | tuple):
            query.setlist(name, value)
        else:
            query[name] = value
    return f"?{query.urlencode()}"


# Which place in the navigation a page belongs to: the longest beginning of its name that stands here.
PLACES = {
    "workspaces:home": "home",
    "overlaps:": "overlaps",
    "overlaps:account": "accounts",
    "overlaps:hygiene": "accounts",
    "overlaps:import": "accounts",
    "overlaps:population": "accounts",
    "overlaps:preset": "settings",
    "overlaps:sharing": "partners",
    "overlaps:sharing_defaults": "settings",
    "intros:": "intros",
    "intros:search": "",
    "partners:": "partners",
    "workspaces:": "settings",
    "audit:": "settings",
}


def _place_of(view_name: str) -> str:
    known = max((start for start in PLACES if view_name.startswith(start)), key=len, default="")
    return PLACES.get(known, "")


@register.simple_tag(takes_context=True)
def place_at_hand(context: Context) -> str:
    """The place of this page: `home`, `overlaps`, `accounts`, `intros`, `partners`, `settings`."""
    match = getattr(context.get("request"), "resolver_match", None)
    return _place_of(match.view_name) if match else ""


@register.inclusion_tag("partials/place.html", takes_context=True)
def place(
    context: Context, name: str, label: str, drawing: str, count: int = 0, where: str = "sidebar"
) -> dict:
    """One entry of the main navigation; no entry while its page does not exist."""
    try:
        url = path_to(context, name)
    except NoReverseMatch:
        url = ""
    return {
        "url": url,
        "label": label,
        "drawing": drawing,
        "count": count,
        "current": place_at_hand(context) == _place_of(name),
        "where": where,
    }


# -- people and workspaces -----------------------------------------------------------------------------------


def _name_of(thing: Any) -> str:
    return str(getattr(thing, "name", "") or getattr(thing, "email", "") or thing)


def _initials(name: str) -> str:
    name = name.partition("@")[0].translate({ord(sign): " " for sign in "._-&+/"})
    words = [word for word in name.split() if word[0].isalnum()]
    if len(words) > 1:
        return (words[0][0] + words[-1][0]).upper()
    return words[0][:2].upper() if words else "?"


@register.inclusion_tag("partials/avatar.html", takes_context=True)
def avatar(context: Context, thing: Any, size: str = "", logo: bool = False, circle: bool = False) -> dict:
    """A square for a workspace or a partner, a circle for a user, a membership, an invited address, or as asked.

    Only members are served a workspace's logo. The workspace at hand shows its own; for another one, of which the
    person is known to be a member, say `logo=True`.
    """
    thing = getattr(thing, "user", thing)
    person = circle or isinstance(thing, AbstractBaseUser) or "@" in str(thing)
    logo = logo or thing == getattr(context.get("request"), "tenant", None)
    version = getattr(thing, "logo_version", "") if logo else ""
    classes = ["avatar", not person and "avatar--ws", size and f"avatar--{size}"]
    return {
        "initials": _initials(_name_of(thing)),
        "hue": getattr(thing, "accent", "") or zlib.crc32(str(getattr(thing, "pk", thing)).encode()) % 8 + 1,
        "classes": " ".join(filter(None, classes)),
        "logo": version and thing.path_to("workspaces:logo_file", version=version),
    }


# -- forms ---------------------------------------------------------------------------------------------------

LOOKS = [  # the first that fits
    (CheckboxSelectMultiple, "choices", ""),
    (RadioSelect, "choices", ""),
    (CheckboxInput, "check", "check"),
    (FileInput, "control", "input"),
    (SelectMultiple, "control", "input"),
    (Select, "control", "select"),
    (Textarea, "control", "textarea"),
    (object, "control", "input"),
]


@register.inclusion_tag("partials/field.html")
def field(bound: BoundField, label: str | None = None, hint: str | None = None, **attrs: Any) -> dict:
    """A whole form field: label, control, hint and what is wrong. `hx_get="…"` becomes `hx-get="…"`."""
    widget = bound.field.widget
    kind, css = next((kind, css) for base, kind, css in LOOKS if isinstance(widget, base))
    bound.label = bound.label if label is None else label
    bound.help_text = bound.help_text if hint is None else hint
    attrs = {name.replace("_", "-"): value for name, value in attrs.items()}
    if css:
        attrs["class"] = css
    if _first_wrong(bound.form) == bound.name:
        attrs["autofocus"] = True
    return {
        "field": bound,
        "control": "" if kind == "choices" else bound.as_widget(attrs=attrs),
        "kind": kind,
        "secret": isinstance(widget, PasswordInput),
    }


@register.filter
def styled(bound: BoundField, css: str) -> str:
    """The control alone, for a form in a row, whose label and errors stand around it."""
    return bound.as_widget(attrs={"class": css})


def _first_wrong(form: BaseForm) -> str | None:
    return next((name for name in form.fields if name in form.errors), None) if form.is_bound else None


@register.inclusion_tag("partials/form_errors.html")
def form_errors(form: BaseForm, **labels: str) -> dict:
    """What is wrong with the form as a whole, and, from two wrong fields on, links to them, with the labels that the
    template gives them."""
    for name in labels.keys() & form.fields.keys():
        form[name].label = labels[name]
    wrong = [bound for bound in form.visible_fields() if bound.errors] if form.is_bound else []
    hidden = [error for bound in form.hidden_fields() for error in bound.errors]
    return {"errors": [*form.non_field_errors(), *hidden], "wrong": wrong if len(wrong) > 1 else []}


# -- lists, times, numbers -----------------------------------------------------------------------------------


@register.inclusion_tag("partials/pager.html", takes_context=True)
def pager(context: Context, page: Page) -> dict:
    return {"page": page, "request": context["request"]}


@register.filter
def at_id(values: dict, key: Any) -> Any:
    """What stands there for this id, or nothing."""
    return values.get(key)


@register.filter
def ago(value: datetime | None) -> str:
    """`2 h ago`, `in 3 days`, with the exact time behind it."""
    if value is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        format_date(timezone.localtime(value), "j F Y, H:i e"),
        _distance(value, timezone.now()),
    )


def _distance(value: datetime, now: datetime) -> str:
    span = now - value
    minutes, hours, days = (abs(span) // timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
    past = span >= timedelta(0)
    if days >= (14 if past else 60):
        return format_date(timezone.localtime(value), "j M" if value.year == now.year else "j M Y")
    if days == 1:
        return "yesterday" if past else "tomorrow"
    if not days and not minutes and past:
        return "just now"
    amount = f"{days} days" if days else f"{hours} h" if hours else f"{max(minutes, 1)} min"
    return f"{amount} ago" if past else f"in {amount}"


@register.filter
def compact(value: int | float | Decimal | None) -> str:
    """`9,999`, `12.4k`, `2.41M`: three figures are enough to compare."""
    if value is None:
        return ""
    number = float(value)
    if abs(number) < 10_000:
        return f"{number:,.0f}"
    for sign in "kM":
        number /= 1000
        if abs(number) < 999.5:  # as far as .3g writes no exponent
            return f"{number:.3g}{sign}"
    return f"{number / 1000:,.0f}B"


BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


@register.filter
def browser(agent: str) -> str:
    """`Firefox on Windows` out of a User-Agent header, which claims to be half a dozen browsers at once."""
    name = next((name for sign, name in BROWSERS.items() if f"{sign}/" in agent), "Unknown browser")
    system = next((name for sign, name in SYSTEMS.items() if sign in agent), "")
    return f"{name} on {system}" if system else name
