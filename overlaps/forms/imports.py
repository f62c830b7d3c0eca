"""The steps of an import, each a form of its own."""

from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from core.models import Membership
from overlaps import imports
from overlaps.cells import REPAIRS, USE, Corrections, Group, problem_of
from overlaps.columns import CUSTOM, LABELS, SKIP, Mapping, is_target, propose_population, simple
from overlaps.models import Import, Source
from overlaps.models.batch import list_of
from overlaps.tables import ENCODINGS, SEPARATORS, Unreadable
from partners.models import Partner, Population
from workspaces.forms.fields import OneLineField

DECIDED = "Somebody went on with this import meanwhile. Please look again."
SAY_POPULATION = {"population", "stage"}  # fields whose values tell an account's population


class UploadForm(forms.Form):
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="File",
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

    def __init__(self, *args: Any, partner: Partner | None = None, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partner, self.by = partner, by
        most = f"at most {filesizeformat(settings.IMPORT_MAX_BYTES)} and {settings.IMPORT_MAX_ROWS:,} rows"
        self.fields["file"].help_text = f"CSV, TSV or XLSX; choose it or drop it here: {most}."

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
        if "file" not in self.errors and not file and not text:
            self.add_error("file", "Choose a file, or paste rows below.")
        elif file and text:
            self.add_error("text", "Choose a file or paste rows, not both.")
        return values

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        pasted = self.cleaned_data["text"].encode("utf-8", "replace")
        given = self.cleaned_data["file"] or ContentFile(pasted, imports.PASTED)
        try:
            self.batch = imports.receive(given, partner=self.partner, by=self.by)
        except Unreadable as reason:
            self.add_error("file" if self.cleaned_data["file"] else "text", str(reason))
        return self.is_valid()


class StepForm(forms.Form):
    """A decision on an import as the person saw it: `seen` is its revision then."""

    seen = forms.IntegerField(
        min_value=0, widget=forms.HiddenInput, error_messages={"required": "Please open this page again."}
    )
    conflicts = False

    def __init__(self, data: Any, *, batch: Import, by: Membership, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.batch, self.by = batch, by
        self.initial["seen"] = batch.revision

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        try:
            if self.cleaned_data["seen"] != self.batch.revision:
                raise Import.NotNow
            self.act()
        except Import.NotNow:
            self.conflicts = True
            self.add_error(None, DECIDED)
        except Unreadable as reason:
            self.add_error(None, str(reason))
        return self.is_valid()

    def act(self) -> None:
        """Raises NotNow and Unreadable."""
        raise NotImplementedError


class ReadForm(StepForm):
    """How the file is read."""

    encoding = forms.ChoiceField(choices=[*ENCODINGS.items()])
    separator = forms.ChoiceField(choices=[*SEPARATORS.items()])
    sheet = forms.ChoiceField(choices=[])

    def __init__(self, data: Any, *, batch: Import, by: Membership) -> None:
        initial = {name: getattr(batch, name) for name in ("encoding", "separator", "sheet")}
        super().__init__(data, batch=batch, by=by, initial=initial)
        sheets = batch.facts["sheets"]
        self.fields["sheet"].choices = [(sheet, sheet) for sheet in sheets]
        for name in ("encoding", "separator") if sheets else ("sheet",):
            del self.fields[name]

    @property
    def offers(self) -> bool:
        """A workbook with one sheet can be read in one way only."""
        return len(self.batch.facts["sheets"]) != 1

    def act(self) -> None:
        chosen = {name: self.cleaned_data[name] for name in self.fields if name != "seen"}
        imports.read_again(self.batch, by=self.by, **chosen)


class Column(NamedTuple):
    """Of the file, with the field that it fills."""

    name: str
    samples: list[str]
    why: str
    field: forms.BoundField


class Value(NamedTuple):
    """That stands in a column which tells an account's population."""

    text: str
    rows: int
    field: forms.BoundField


class ColumnsForm(StepForm):
    """Which column fills what, and which population each value of a stage means.

    Unbound with `chosen`, what somebody chose so far, it shows the values of the columns that were chosen.
    """

    source = OneLineField(
        max_length=80,
        label="Source",
        help_text="Files of one source speak of the same accounts. How its columns are matched is remembered.",
    )
    default = forms.ChoiceField(
        choices=Population,
        label="New accounts without a known stage are",
    )

    def __init__(self, data: Any, *, batch: Import, by: Membership, chosen: Any = None) -> None:
        self.mapping = batch.decided
        initial = {"source": batch.source_name, "default": self.mapping.default}
        super().__init__(data, batch=batch, by=by, initial=initial)
        self.places = dict(enumerate(batch.header))
        for place, name in self.places.items():
            offered = [("", "Leave out"), (CUSTOM, "Keep as a custom field"), *LABELS.items()]
            target = self.mapping.columns.get(name, "")
            self.initial[f"c{place}"] = CUSTOM if target.startswith(CUSTOM) else target
            self.fields[f"c{place}"] = forms.ChoiceField(
                required=False, choices=offered, label=f"Field for the column {name}"
            )
        self.initial |= {key: chosen[key] for key in (chosen or {}) if key in self.fields and key != "seen"}
        for place in self.telling:
            self._ask_values(place, chosen or {})

    @property
    def telling(self) -> list[int]:
        """The columns that tell the population, as chosen now."""
        now = self.data if self.is_bound else self.initial
        return [place for place in self.places if now.get(f"c{place}") in SAY_POPULATION]

    def _ask_values(self, place: int, chosen: Any) -> None:
        for number, (text, _) in enumerate(self._values(place)):
            key = f"v{place}-{number}"
            known = self.mapping.populations.get(simple(text))
            self.initial[key] = chosen.get(key, propose_population(text) if known is None else known)
            self.fields[key] = forms.ChoiceField(
                required=False,
                choices=[("", "As chosen below"), *Population.choices, (SKIP, "Skip these rows")],
                label=f"Population for {text}",
            )

    def _values(self, place: int) -> list[tuple[str, int]]:
        return self.batch.facts["values"].get(self.places[place], [])

    # -- to be shown --------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        facts = self.batch.facts
        return [
            Column(name, facts["samples"][place], facts["why"][name], self[f"c{place}"])
            for place, name in self.places.items()
        ]

    @property
    def matched(self) -> int:
        return sum(bool(self[f"c{place}"].value()) for place in self.places)

    @property
    def values(self) -> list[tuple[str, list[Value]]]:
        """By the name of the column."""
        return [
            (
                self.places[place],
                [
                    Value(text, rows, self[f"v{place}-{number}"])
                    for number, (text, rows) in enumerate(self._values(place))
                ],
            )
            for place in self.telling
        ]

    @cached_property
    def sources(self) -> list[str]:
        with list_of(self.batch.partner, by=self.by):
            return list(Source.objects.newest_first().values_list("name", flat=True)[:50])

    # -- sent ---------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        unseen = [key for key in self.fields if key.startswith("v") and key not in self.data]
        if unseen:
            self.add_error(None, "Please look at what the stages mean, below, and go on.")
        elif not self.errors:
            for objection in self.wanted.objections():
                self.add_error(None, objection)
        return values

    @property
    def wanted(self) -> Mapping:
        values, populations = self.cleaned_data, dict(self.mapping.populations)
        for place in self.telling:
            for number, (text, _) in enumerate(self._values(place)):
                populations[simple(text)] = values[f"v{place}-{number}"]
        columns = {
            name: f"{CUSTOM}{name}" if values[f"c{place}"] == CUSTOM else values[f"c{place}"]
            for place, name in self.places.items()
        }
        return Mapping(columns, populations, values["default"])

    def act(self) -> None:
        mapping = self.wanted.as_json()
        imports.decide(self.batch, by=self.by, mapping=mapping, source_name=self.cleaned_data["source"])


class RepairForm(StepForm):
    """What becomes of all rows with one problem, and of single values."""

    group = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    use = OneLineField(required=False, max_length=500, label="The value for all of them")

    def __init__(self, data: Any, *, number: int, group: Group, batch: Import, by: Membership) -> None:
        super().__init__(data, batch=batch, by=by, prefix=None, auto_id=f"id_g{number}_%s")
        self.found = group
        self.initial["group"] = number
        leave = "Leave these rows out" if group.kind.is_error else "Go on without this value"
        choices = [("", leave), *((code, REPAIRS[code]) for code in group.kind.repairs)]
        self.fields["choice"] = forms.ChoiceField(required=False, choices=choices, label="For all of them")
        if USE in group.kind.repairs:
            self.instead = {f"v{place}": text for place, (text, _) in enumerate(group.values) if text}
        else:
            self.instead = {}
            del self.fields["use"]
        for key, text in self.instead.items():
            self.fields[key] = OneLineField(required=False, max_length=500, label=f"Instead of {text}")
        self.rows = {f"r{row}": row for row in group.numbers} if group.code == "no_name" else {}
        for key, row in self.rows.items():
            self.fields[key] = OneLineField(required=False, max_length=200, label=f"Name for row {row:,}")

    @property
    def values(self) -> list[tuple[str, int, forms.BoundField]]:
        counted = dict(self.found.values)
        return [(text, counted[text], self[key]) for key, text in self.instead.items()]

    @property
    def named(self) -> list[forms.BoundField]:
        return [self[key] for key in self.rows]

    @property
    def more(self) -> int:
        """Rows with values that stand not here."""
        return self.found.rows - sum(rows for _, rows, _ in self.values) if self.instead else 0

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("choice") == USE:
            self._check("use", "Write the value that is to stand there.")
        for key in [*self.instead, *self.rows]:
            self._check(key)
        if not any(values.get(key) for key in ("choice", *self.instead, *self.rows)) and not self.errors:
            self.add_error("choice", "Choose what is to be done, or write another value.")
        return values

    def _check(self, key: str, needed: str = "") -> None:
        text = self.cleaned_data.get(key, "")
        target = "name" if key in self.rows else self.found.field
        if not text and needed:
            self.add_error(key, needed)
        elif text and is_target(target) and (problem := problem_of(target, text)):
            self.add_error(key, problem.sentence)

    def act(self) -> None:
        values, before = self.cleaned_data, self.batch.corrected
        instead = {text: values[key] for key, text in self.instead.items() if values[key]}
        named = {row: {"name": values[key]} for key, row in self.rows.items() if values[key]}
        choice = f"{USE}{values['use']}" if values["choice"] == USE else values["choice"]
        after = Corrections(
            values={**before.values, self.found.field: {**before.values.get(self.found.field, {}), **instead}}
            if instead
            else before.values,
            choices={**before.choices, self.found.code: choice} if choice else before.choices,
            rows={**before.rows, **named},
        )
        imports.decide(self.batch, by=self.by, corrections=after.as_json())


class DropForm(StepForm):
    def act(self) -> None:
        imports.decide(self.batch, by=self.by, corrections={})


class StartForm(StepForm):
    """`told`: the stamp of what the person read of partners."""

    mark_gone = forms.BooleanField(required=False)
    told = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, batch: Import, by: Membership) -> None:
        super().__init__(data, batch=batch, by=by)
        self.consequences = imports.consequences(batch, member=by)
        self.initial["told"] = sha256(repr(self.consequences).encode()).hexdigest()[:16]

    def act(self) -> None:
        if self.cleaned_data["told"] != self.initial["told"]:
            raise Import.NotNow
        self.batch.start(mark_gone=self.cleaned_data["mark_gone"], by=self.by)
