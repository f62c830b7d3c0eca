from typing import Any
from uuid import UUID

from django import forms

from core.asking import an_id
from core.models import Membership
from overlaps.countries import countries, country_code
from overlaps.forms.accounts import MATCHES_NOTHING, AccountForm
from overlaps.keys import domain_key, domain_of
from overlaps.models import Account
from overlaps.numbers import number_key
from partners.models import Population


class FixForm(forms.Form):
    """One field of one account, to be put right in its row. What it holds has to be better than what was there."""

    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any, *, account: Account, field: str, by: Membership) -> None:
        initial = {field: getattr(account, field), "seen": account.updated_at.isoformat()}
        super().__init__(data, initial=initial, auto_id=f"id_{account.pk}_%s")
        self.account, self.field, self.by = account, field, by
        self.fields[field] = FIELDS[field]()

    @property
    def bound_field(self) -> forms.BoundField:
        return self[self.field]

    @property
    def why(self) -> str:
        """What is amiss, in the row's own words."""
        if self.field == "domain" and self.account.domain:
            return MATCHES_NOTHING.get(
                domain_of(self.account.domain).problem, "it is no address of a website"
            )
        return ""

    clean_seen = AccountForm.clean_seen

    def clean_domain(self) -> str:
        text = self.cleaned_data["domain"].strip()
        if text and not domain_key(text):
            why = MATCHES_NOTHING.get(domain_of(text).problem, "that is no domain")
            raise forms.ValidationError(f"Write the company’s own domain, such as acme.com: {why}.")
        return domain_key(text)

    def clean_country(self) -> str:
        if not (code := country_code(self.cleaned_data["country"])):
            raise forms.ValidationError(
                "This country is not known. Write its name in English, or its two letters."
            )
        return code

    def clean_company_number(self) -> str:
        number = AccountForm.clean_company_number(self)
        if number and not number_key(number, self.account.country):
            raise forms.ValidationError(
                "This is in no form that is known for this country. Say the scheme before it, as in “VAT DE…”, or "
                "choose the account’s country first."
            )
        return number

    def succeeds(self) -> bool:
        """False: the form now says why not."""
        if not self.is_valid():
            return False
        self.account.updated_at, value = self.cleaned_data["seen"], self.cleaned_data[self.field]
        try:
            if self.field == "population":
                self.account.decide_population(value, by=self.by)
            else:
                self.account.change(by=self.by, **{self.field: value})
        except Account.ChangedMeanwhile:
            self.add_error(
                self.field, "Somebody changed this account meanwhile. Please open this page again."
            )
        return not self.errors


FIELDS = {
    "domain": lambda: forms.CharField(max_length=253, required=False),
    "company_number": lambda: forms.CharField(max_length=60, required=False),
    "country": lambda: forms.CharField(max_length=100, widget=forms.TextInput({"list": "known-countries"})),
    "population": lambda: forms.ChoiceField(choices=Population.choices),
}


def country_names() -> list[str]:
    """For one list that all rows of a page choose from."""
    return [name for _, name in countries()]


def ids_of(texts: list[str], most: int) -> list[UUID]:
    return [pk for text in texts[:most] if (pk := an_id(text))]
