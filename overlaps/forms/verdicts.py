from typing import Any

from django import forms

from core.models import Membership
from overlaps import matching
from overlaps.filters import AccountFilter
from overlaps.models import Account, Overlap, Verdict
from workspaces.forms.fields import OneLineField

GONE = "This overlap is not there any more. Nothing was changed."


class VetoForm(forms.Form):
    """Why an account of ours and one of a partner's are two companies."""

    reason = forms.ChoiceField(choices=Verdict.Reason, widget=forms.RadioSelect)
    note = OneLineField(
        required=False,
        max_length=280,
        widget=forms.Textarea({"rows": 2}),
        help_text="Only your workspace reads it.",
    )

    def __init__(self, *args: Any, overlap: Overlap, by: Membership) -> None:
        super().__init__(*args)
        self.overlap, self.by = overlap, by

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        try:
            Verdict.veto(self.overlap, **self.cleaned_data, by=self.by)
        except matching.NotThere:
            self.add_error(None, GONE)
        return self.is_valid()


class MatchForm(forms.Form):
    """Which of our accounts an account is that a partner shows us. `q` finds some to choose from."""

    q = OneLineField(required=False, max_length=100, label="Beginning of a name, or a domain")
    account = forms.ChoiceField(
        widget=forms.RadioSelect, error_messages={"required": "Choose one of your accounts."}
    )
    MOST = 10

    def __init__(self, *args: Any, overlap: Overlap, query: Any, by: Membership) -> None:
        super().__init__(*args, initial={"q": query.get("q") or overlap.name})
        self.overlap, self.by = overlap, by
        words = (self.data.get("q") if self.is_bound else self.initial["q"]) or ""
        found = Account.objects.filter(AccountFilter.of({}, words).condition).order_by("sort_name", "pk")
        self.found = {str(account.pk): account for account in found[: self.MOST]}
        self.fields["account"].choices = [(pk, self._in_words(one)) for pk, one in self.found.items()]

    @staticmethod
    def _in_words(account: Account) -> str:
        return " · ".join(filter(None, [account.name, account.domain, account.country]))

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        try:
            Verdict.match(self.overlap, self.found[self.cleaned_data["account"]], by=self.by)
        except matching.NotThere:
            self.add_error(None, GONE)
        return self.is_valid()
