from typing import Any

from django import forms

from core.models import Membership
from overlaps.models import MatchRule, MatchSettings

# Those that confirm themselves; below 85 percent a pair is a suggestion. See docs/matching.md.
AUTOMATIC = (MatchRule.NUMBER, MatchRule.DOMAIN, MatchRule.NAME_COUNTRY, MatchRule.NAME)
SUGGESTED = tuple(rule for rule in MatchRule if rule not in (*AUTOMATIC, MatchRule.MANUAL))


def _rules(rules: tuple[MatchRule, ...], label: str) -> forms.MultipleChoiceField:
    choices = [(rule.value, rule.label) for rule in rules]
    return forms.MultipleChoiceField(
        label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple
    )


class MatchSettingsForm(forms.Form):
    automatic = _rules(AUTOMATIC, "Take two accounts for one company by")
    suggestions = forms.BooleanField(
        required=False,
        label="Suggest accounts that may be one company",
        help_text="Only where the partner wants suggestions too. Nothing is disclosed before both sides confirm.",
    )
    suggested = _rules(SUGGESTED, "Suggest by")
    threshold = forms.IntegerField(
        min_value=70,
        max_value=84,
        label="Least confidence of a suggestion, in percent",
        help_text="70 to 84. Above that, a pair confirms itself.",
    )
    growth_cap = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Most accounts that a growing list may newly see in a day",
        help_text="For each partner. What is above it is shown from the next day on, and you get an alarm. Empty: no "
        "limit.",
    )

    def __init__(self, *args: Any, settings: MatchSettings, by: Membership) -> None:
        on = [rule.value for rule in MatchRule if rule not in settings.rules_off]
        stored = {name: getattr(settings, name) for name in ("suggestions", "threshold", "growth_cap")}
        super().__init__(*args, initial=stored | {"automatic": on, "suggested": on})
        self.settings, self.by = settings, by

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        values = dict(self.cleaned_data)
        on = {*values.pop("automatic"), *values.pop("suggested")}
        off = [rule.value for rule in (*AUTOMATIC, *SUGGESTED) if rule not in on]
        self.settings.change(by=self.by, rules_off=off, **values)
        return True
