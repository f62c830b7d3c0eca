from itertools import groupby
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from audit.actions import Action
from audit.models import AuditEvent, AuditEventQuerySet, Stretch

PAGE = 25
LARGEST = 2**63 - 1


def _choices() -> list[tuple[str, Any]]:
    actions = [action for action in Action if not action.is_personal]
    groups = groupby(sorted(actions, key=lambda action: action.subject), key=lambda action: action.subject)
    return [
        ("", "Everything"),
        *((subject.capitalize(), [(a.value, f"{subject.capitalize()}: {a.label.lower()}") for a in found])
          for subject, found in groups),
    ]  # fmt: skip


def _text(**attrs: str) -> forms.TextInput:
    return forms.TextInput({"class": "input", "autocomplete": "off", **attrs})


class TrailFilter(forms.Form):
    """The filter in the address of the page: a link to it shows the same to a colleague."""

    actor = forms.CharField(label="Who", max_length=254, required=False, widget=_text(type="search"))
    action = forms.ChoiceField(
        label="What", choices=_choices, required=False, widget=forms.Select({"class": "select"})
    )
    target = forms.CharField(
        label="On whom or what", max_length=254, required=False, widget=_text(type="search")
    )
    ip = forms.CharField(
        label="IP address",
        max_length=45,
        required=False,
        validators=[RegexValidator(r"^[0-9a-fA-F:.]+$", "Only digits, letters a to f, dots and colons.")],
        widget=_text(inputmode="text"),
    )
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput({"class": "input", "type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(
        label="To", required=False, widget=forms.DateInput({"class": "input", "type": "date"}, "%Y-%m-%d")
    )
    before = forms.IntegerField(min_value=1, max_value=LARGEST, required=False, widget=forms.HiddenInput)
    after = forms.IntegerField(min_value=0, max_value=LARGEST, required=False, widget=forms.HiddenInput)

    def clean_ip(self) -> str:
        return self.cleaned_data["ip"].lower()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", "This is before the first day.")
        return cleaned

    @property
    def chosen(self) -> dict[str, Any]:
        """What narrows the trail; nothing while something is wrong with the filter."""
        if not self.is_valid():
            return {}
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in ("", None) and name not in ("before", "after")
        }

    def events(self) -> AuditEventQuerySet:
        return AuditEvent.objects.matching(**self.chosen)

    def page(self) -> Stretch:
        if not self.is_valid():
            return Stretch([], has_newer=False, has_older=False)
        place = {name: self.cleaned_data[name] for name in ("before", "after")}
        return self.events().page(**place, size=PAGE)


class ExportForm(forms.Form):
    """The button that was pressed."""

    format = forms.ChoiceField(choices=[("csv", "CSV"), ("jsonl", "JSON lines")])
