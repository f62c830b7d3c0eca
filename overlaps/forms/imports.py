from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from core.models import Membership
from overlaps import imports
from overlaps.models import Import
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
