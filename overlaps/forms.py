from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.dateparse import parse_datetime

from core.models import Membership
from overlaps import imports
from overlaps.countries import countries
from overlaps.keys import domain_key
from overlaps.models import Account, Import
from overlaps.tables import Unreadable
from partners.models import Population


class ImportForm(forms.Form):
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="CSV file",
        widget=forms.FileInput(
            {"accept": ".csv,.tsv,.txt,.xlsx,.xlsm,text/csv,text/tab-separated-values,text/plain"}
        ),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste rows from a spreadsheet",
        widget=forms.Textarea({"rows": 4}),
    )
    population = forms.ChoiceField(
        choices=Population,
        initial=Population.PROSPECTS,
        label="Accounts without a known stage are",
        help_text="A column with the stage decides for each row: customer, opportunity, lead and the like.",
    )

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        most = filesizeformat(settings.IMPORT_MAX_BYTES)
        self.fields[
            "file"
        ].help_text = f"Choose it or drop it here: at most {most} and {settings.IMPORT_MAX_ROWS:,} rows."

    def clean_file(self) -> UploadedFile | None:
        file = self.cleaned_data["file"]
        if file and file.size > settings.IMPORT_MAX_BYTES:
            raise forms.ValidationError(
                f"This file is {filesizeformat(file.size)} large; {filesizeformat(settings.IMPORT_MAX_BYTES)} are the "
                "most. Please split it."
            )
        return file

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        file, text = values.get("file"), values.get("text")
        if "file" in self.errors:
            return values
        source = "file" if file else "text"
        if not file and not text:
            self.add_error("file", "Choose a file, or paste rows below.")
        elif file and text:
            self.add_error("text", "Choose a file or paste rows, not both.")
        else:
            self._check(source, file.read() if file else text.encode("utf-8", "replace"))
        return values

    def _check(self, source: str, data: bytes) -> None:
        try:
            self.table, self.count = imports.check(data)
        except Unreadable as reason:
            self.add_error(source, str(reason))
        else:
            self.data_read = data

    def save(self) -> Import:
        file = self.cleaned_data["file"]
        return Import.start(
            by=self.by,
            data=self.data_read,
            filename=file.name[:200] if file else "Pasted rows",
            population=self.cleaned_data["population"],
            read_as=self.table.read_as,
            header=self.table.header,
            columns=self.table.fields,
            notes=self.table.notes,
            rows_total=self.count,
        )


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
