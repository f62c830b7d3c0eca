from typing import Any

from django import forms

from core.models import Membership
from overlaps import dryrun
from overlaps.dryrun import DryRun
from overlaps.vocabulary import Vocabulary
from partners.models import FieldPreset
from partners.models.sharing import EXTRA, FIELDS, field_label
from workspaces.forms.fields import OneLineField


class PresetForm(forms.Form):
    """A named set of fields. A change by which partners come to see others is done when that was confirmed."""

    name = OneLineField(max_length=60, help_text="Such as “With deal data”.")
    chosen = forms.MultipleChoiceField(
        required=False, label="Shown beside the name", widget=forms.CheckboxSelectMultiple
    )
    shown = forms.RegexField(r"^[0-9a-f]{16}$", required=False, widget=forms.HiddenInput)
    must_confirm = False

    def __init__(self, *args: Any, preset: FieldPreset | None, by: Membership) -> None:
        now = {"name": preset.name, "chosen": preset.fields} if preset else {}
        super().__init__(*args, initial=now)
        self.preset, self.by = preset, by
        custom = [f"{EXTRA}{name}" for name in Vocabulary.of_list().fields]
        known = dict.fromkeys([*FIELDS, *custom, *now.get("chosen", ())])
        self.fields["chosen"].choices = [(code, field_label(code).capitalize()) for code in known]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        others = FieldPreset.objects.exclude(pk=self.preset.pk) if self.preset else FieldPreset.objects.all()
        if others.filter(name=name).exists():
            raise forms.ValidationError("Another set of fields is called so.")
        return name

    @property
    def dry_run(self) -> DryRun:
        return dryrun.of_preset(self.preset, self.cleaned_data["chosen"])

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        values = self.cleaned_data
        if self.preset is None:
            self.preset = FieldPreset.make(name=values["name"], fields=values["chosen"], by=self.by)
            return True
        told = self.dry_run
        try:
            shown = values["shown"] if told.concerned else told.stamp
            asked = {"name": values["name"], "fields": values["chosen"], "shown": shown}
            dryrun.change_preset(self.preset, **asked, by=self.by)
        except dryrun.Changed:
            self.must_confirm = True
        return not self.must_confirm
