from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from core.models import Membership
from overlaps.cells import LONGEST_CUSTOM, MOST_TAGS, problem_of, reader_of
from overlaps.countries import countries
from overlaps.keys import domain_key, domain_of
from overlaps.models import Account
from overlaps.vocabulary import Vocabulary
from workspaces.forms.fields import OneLineField

LONGEST_TAG = Account._meta.get_field("tags").base_field.max_length
LONGEST_NAME = 60  # of a custom field that is typed
MOST_CUSTOM = 60
MATCHES_NOTHING = {
    "mail_provider": "mails of many companies come from there",
    "social": "many companies have a page there",
    "directory": "many companies have a page there",
    "careers": "many companies have a page there",
    "hosting": "many companies have a page there",
    "short_link": "it stands for other addresses",
}


class TagsField(OneLineField):
    """Several, with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=1000, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        tags = reader_of("tags")(super().clean(self.prepare_value(value)))
        if tags and (not isinstance(tags, list) or max(map(len, tags)) > LONGEST_TAG):
            raise forms.ValidationError(
                f"At most {MOST_TAGS} tags, of {LONGEST_TAG} characters each, with commas between them."
            )
        return tags or []

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class AccountForm(forms.ModelForm):
    """Bound to values, not to an instance: what was there before is asked when they are written.

    Without an account: for a new one. Custom fields come in pairs, `extra_name_0` and `extra_value_0`.
    """

    country = forms.ChoiceField(required=False, choices=lambda: [("", "Not known"), *countries()])
    tags = TagsField(help_text="With commas between them.")
    currency = forms.CharField(required=False, max_length=20, help_text="Three letters, such as EUR.")
    seen = forms.CharField(
        widget=forms.HiddenInput, error_messages={"required": "Please open this page again."}
    )

    class Meta:
        model = Account
        fields = Account.EDITABLE
        help_texts = {
            "domain": "What partners’ lists are compared by.",
            "company_number": "Of a register: VAT, D-U-N-S, LEI, or the country’s own. It tells more than a name.",
            "is_private": "It takes no part in matching: no partner learns of it, and you see no overlap.",
        }
        labels = {"is_private": "Keep this account private", "amount": "Amount of the open deal"}

    def __init__(self, data: Any, *, account: Account | None, by: Membership) -> None:
        self.account, self.by, self.conflicts = account, by, []
        self.words = Vocabulary.of_list()
        there = account or Account()
        values = {name: getattr(there, name) for name in Account.EDITABLE}
        super().__init__(data, initial={**values, "seen": account.updated_at.isoformat() if account else ""})
        if account is None:
            del self.fields["seen"]
        for name in ("owner_name", "stage"):
            self.fields[name].widget.attrs["list"] = f"known-{name}"
        self._add_custom_fields(there.extra)

    def _add_custom_fields(self, extra: dict[str, str]) -> None:
        known = dict.fromkeys(self.words.fields, "") | extra
        pairs = [*sorted(known.items(), key=lambda pair: pair[0].casefold())][:MOST_CUSTOM]
        while self.is_bound and f"extra_name_{len(pairs)}" in self.data and len(pairs) < MOST_CUSTOM:
            pairs.append(("", ""))
        self.pairs = len(pairs) + (not self.is_bound)
        for number, (name, value) in enumerate([*pairs, ("", "")][: self.pairs]):
            self.fields[f"extra_name_{number}"] = OneLineField(
                label="Name of another field",
                required=False,
                max_length=LONGEST_NAME if not name else 200,
                initial=name,
            )
            self.fields[f"extra_value_{number}"] = OneLineField(
                label=name or "Its value", required=False, max_length=LONGEST_CUSTOM, initial=value
            )

    @property
    def custom_fields(self) -> Iterator[tuple[forms.BoundField, forms.BoundField, bool]]:
        """Name, value, and whether the name is there already; the value then has it for a label."""
        for number in range(self.pairs):
            name, value = self[f"extra_name_{number}"], self[f"extra_value_{number}"]
            is_known = bool(name.initial)
            value.label = name.initial or value.label
            yield name, value, is_known

    def clean_seen(self) -> datetime:
        try:
            seen = parse_datetime(self.cleaned_data["seen"])
        except ValueError:
            seen = None
        if seen is None or seen.tzinfo is None:
            raise forms.ValidationError("Please open this page again.")
        return seen

    def clean_domain(self) -> str:
        text = self.cleaned_data["domain"].strip()
        if text and ("." not in text or " " in text):
            raise forms.ValidationError("Write a domain such as acme.com.")
        return domain_key(text) or text

    def clean_company_number(self) -> str:
        text = self.cleaned_data["company_number"]
        if problem_of("company_number", text):
            raise forms.ValidationError(
                "This can’t be right: a digit is wrong, or missing. Please compare it with where you have it from."
            )
        return reader_of("company_number")(text) or ""

    def clean_currency(self) -> str:
        text = self.cleaned_data["currency"]
        if not (code := reader_of("currency")(text)) and text:
            raise forms.ValidationError("Write three letters, such as EUR or USD.")
        return code

    def clean(self) -> dict[str, Any]:
        cleaned, extra = super().clean(), {}
        for number in range(self.pairs):
            name, value = (cleaned.get(f"extra_{part}_{number}", "") for part in ("name", "value"))
            if value and not name:
                self.add_error(f"extra_name_{number}", "What is the field called?")
            elif value and name in extra:
                self.add_error(f"extra_name_{number}", "There is a field of this name already.")
            elif value:
                extra[name] = value
        return {**cleaned, "extra": extra}

    @property
    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in (*Account.EDITABLE, "extra")}

    def succeeds(self) -> bool:
        """False: the form now says why not. `conflicts`: what somebody else wrote meanwhile, beside what this says."""
        if not self.is_valid():
            return False
        if self.account is None:
            self.account = Account.make(by=self.by, **self.values)
            return True
        self.account.updated_at = self.cleaned_data["seen"]
        try:
            self.account.change(by=self.by, **self.values)
        except Account.ChangedMeanwhile:
            self._show_both(self.values)
        return not self.conflicts

    @property
    def remarks(self) -> list[str]:
        """What is kept as it was typed, and does not do what one may hope."""
        account, remarks = self.account, []
        if account.company_number and not account.number_key:
            remarks.append(
                f"“{account.company_number}” is kept, but lists can’t be compared by it: it is in no form that is "
                "known for this country."
            )
        if account.domain and not account.domain_key:
            why = MATCHES_NOTHING.get(domain_of(account.domain).problem, "it is no address of a website")
            remarks.append(f"“{account.domain}” is kept, but it matches nothing: {why}.")
        return remarks

    def _show_both(self, values: dict[str, Any]) -> None:
        self.account.refresh_from_db()
        self.conflicts = [
            (self._label(name), _shown(getattr(self.account, name)), _shown(new))
            for name, new in values.items()
            if getattr(self.account, name) != new
        ]
        # Saving once more is then a decision against what stands there now.
        self.data = self.data.copy()
        self.data["seen"] = self.account.updated_at.isoformat()

    def _label(self, name: str) -> str:
        label = self.fields[name].label if name in self.fields else ""
        return label or Account._meta.get_field(name).verbose_name


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    return ", ".join(value) if isinstance(value, list) else value
