from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from core.models import Membership
from overlaps.countries import countries
from overlaps.keys import domain_key
from overlaps.models import Account


class AccountForm(forms.ModelForm):
    """Bound to values, not to an instance: what was there before is asked when they are written."""

    country = forms.ChoiceField(required=False, choices=lambda: [("", "Not known"), *countries()])
    seen = forms.CharField(
        widget=forms.HiddenInput, error_messages={"required": "Please open this page again."}
    )

    class Meta:
        model = Account
        fields = Account.EDITABLE
        help_texts = {
            "domain": "What partners’ lists are compared by.",
            "is_private": "It takes no part in matching: no partner learns of it, and you see no overlap.",
        }
        labels = {"is_private": "Keep this account private", "amount": "Amount of the open deal"}

    def __init__(self, data: Any, *, account: Account, by: Membership) -> None:
        values = {name: getattr(account, name) for name in Account.EDITABLE}
        super().__init__(data, initial={**values, "seen": account.updated_at.isoformat()})
        self.account, self.by, self.conflicts = account, by, []

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

    def succeeds(self) -> bool:
        """False: the form now says why not. `conflicts`: what somebody else wrote meanwhile, beside what this says."""
        if not self.is_valid():
            return False
        values = {name: self.cleaned_data[name] for name in Account.EDITABLE}
        self.account.updated_at = self.cleaned_data["seen"]
        try:
            self.account.change(by=self.by, **values)
        except Account.ChangedMeanwhile:
            self._show_both(values)
        return not self.conflicts

    def _show_both(self, values: dict[str, Any]) -> None:
        self.account.refresh_from_db()
        labels = {
            name: self.fields[name].label or Account._meta.get_field(name).verbose_name for name in values
        }
        self.conflicts = [
            (labels[name], getattr(self.account, name), new)
            for name, new in values.items()
            if getattr(self.account, name) != new
        ]
        # Saving once more is then a decision against what stands there now.
        self.data = self.data.copy()
        self.data["seen"] = self.account.updated_at.isoformat()
