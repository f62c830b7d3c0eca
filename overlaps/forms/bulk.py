from functools import cached_property
from typing import Any

from django import forms

from overlaps.countries import countries
from overlaps.forms.accounts import TagsField
from overlaps.models import Account
from overlaps.vocabulary import Vocabulary
from partners.models import Population
from partners.models.sharing import EXTRA
from workspaces.forms.fields import OneLineField

LEAVE = ("", "As it is")


class ChangeManyForm(forms.Form):
    """What is not filled in stays as it is. `wanted` is what `overlaps.bulk.change` takes."""

    EMPTIED = {"owner_name": "Owner", "stage": "Stage", "country": "Country"}

    population = forms.ChoiceField(choices=[LEAVE, *Population.choices], required=False)
    owner_name = OneLineField(label="Owner", max_length=200, required=False)
    stage = OneLineField(max_length=100, required=False)
    country = forms.ChoiceField(choices=lambda: [LEAVE, *countries()], required=False)
    add = TagsField(label="Add tags", help_text="With commas between them.")
    remove = TagsField(label="Remove tags")
    is_private = forms.ChoiceField(
        label="Private",
        choices=[LEAVE, ("yes", "Keep them private"), ("no", "No longer private")],
        required=False,
    )
    empty = forms.MultipleChoiceField(
        label="Take away what stands there",
        choices=EMPTIED.items(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("owner_name", "stage", "remove"):
            self.fields[name].widget.attrs["list"] = f"known-{name}"

    @cached_property
    def words(self) -> Vocabulary:
        """Where the form is shown."""
        return Vocabulary.of_list()

    def clean_is_private(self) -> bool | None:
        return {"yes": True, "no": False}.get(self.cleaned_data["is_private"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in cleaned.get("empty", []):
            if cleaned.get(name):
                self.add_error(name, "Write something, or have it taken away: not both.")
        if set(cleaned.get("add", [])) & set(cleaned.get("remove", [])):
            self.add_error("remove", "The same tag can’t be added and removed.")
        if not self.errors and not self.wanted:
            raise forms.ValidationError("Say what is to change.")
        return cleaned

    @property
    def wanted(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None, [])}
        return {**given, **dict.fromkeys(given.pop("empty", []), "")}

    @property
    def in_words(self) -> list[tuple[str, str]]:
        shown = {"population": dict(Population.choices), "country": dict(countries())}
        said = []
        for name, value in self.wanted.items():
            if isinstance(value, bool):
                value = "yes" if value else "no"
            words = ", ".join(value) if isinstance(value, list) else shown.get(name, {}).get(value, value)
            said.append((self.fields[name].label or name.capitalize(), words or "nothing"))
        return said

    @property
    def sent(self) -> list[tuple[str, str]]:
        """To send the same once more."""
        return [(name, value) for name in self.fields for value in self._values(name)]

    def _values(self, name: str) -> list[str]:
        return [value for value in self.data.getlist(name) if value]


class DeleteManyForm(forms.Form):
    """The number is typed: it is read then."""

    number = forms.CharField(
        max_length=12, widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"})
    )

    def __init__(self, *args: Any, found: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found = found
        self.fields["number"].label = f"Write {found:,} to delete them"

    def clean_number(self) -> int:
        number = self.cleaned_data["number"].replace(",", "").replace(".", "").replace(" ", "")
        if number != str(self.found):
            raise forms.ValidationError(f"There are {self.found:,} accounts now. Write this number.")
        return self.found


class MergeForm(forms.Form):
    """For each field in which accounts differ, whose value stays; at first the newest that says something."""

    FIELDS = (*(name for name in Account.EDITABLE if name != "tags"),)

    def __init__(self, data: Any, *, accounts: list[Account]) -> None:
        super().__init__(data)
        self.accounts = sorted(accounts, key=lambda account: (account.updated_at, account.pk), reverse=True)
        self.by_pk = {str(account.pk): account for account in accounts}
        self.stamp = "|".join(sorted(f"{account.pk}{account.updated_at.isoformat()}" for account in accounts))
        self.columns = {}
        for number, name in enumerate([*self.FIELDS, *self._custom_names()]):
            self._add(f"take_{number}", name)

    def _custom_names(self) -> list[str]:
        return [f"{EXTRA}{name}" for name in sorted({name for one in self.accounts for name in one.extra})]

    def _add(self, key: str, name: str) -> None:
        """One choice for each value that differs; none where all agree, or only one says something."""
        offered: dict[Any, str] = {}
        for account in self.accounts:
            if (value := value_of(account, name)) not in ("", None):
                offered.setdefault(value, str(account.pk))
        if name == "is_private":
            offered = dict(sorted(offered.items(), reverse=True))  # the one that discloses less comes first
        if offered:
            self.columns[key] = name
            self.fields[key] = forms.ChoiceField(
                label=label_of(name),
                choices=[(pk, shown(self.by_pk[pk], name, value)) for value, pk in offered.items()],
                initial=next(iter(offered.values())),
                widget=forms.RadioSelect if len(offered) > 1 else forms.HiddenInput,
            )

    @property
    def take(self) -> dict[str, Account]:
        return {name: self.by_pk[self.cleaned_data[key]] for key, name in self.columns.items()}

    @property
    def same(self) -> list[tuple[str, str]]:
        """(label, value) of the fields that need no choice."""
        return [
            (str(field.label), field.choices[0][1])
            for field in self.fields.values()
            if len(field.choices) == 1
        ]


def value_of(account: Account, name: str) -> Any:
    return account.extra.get(name.removeprefix(EXTRA)) if name.startswith(EXTRA) else getattr(account, name)


def label_of(name: str) -> str:
    if name.startswith(EXTRA):
        return name.removeprefix(EXTRA)
    label = Account._meta.get_field(name).verbose_name
    return label[:1].upper() + label[1:]


def shown(account: Account, name: str, value: Any) -> str:
    if name == "is_private":
        return "Yes" if value else "No"
    return str(account.get_population_display() if name == "population" else value)
