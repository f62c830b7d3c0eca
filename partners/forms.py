from dataclasses import replace
from typing import Any

from django import forms
from django.core.validators import DomainNameValidator, MaxLengthValidator

from core.models import Membership, User
from partners.models import (
    Grant,
    Level,
    Levels,
    Offer,
    Partner,
    PartnerInvitation,
    Population,
    Shares,
    all_hidden,
    levels_from,
    stamp,
)
from workspaces.forms.fields import OneLineField


class LevelsForm(forms.Form):
    """One choice of a level for each population."""

    all_levels = list(Level)

    def __init__(self, *args: Any, levels: Levels | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for population in Population:
            self.fields[population.value] = forms.ChoiceField(
                choices=[(level.value, level.short) for level in Level],
                label=population.label,
                initial=(levels or all_hidden())[population],
                widget=forms.RadioSelect({"class": "sr"}),
            )

    @property
    def rows(self) -> list[tuple[Population, forms.BoundField]]:
        return [(population, self[population.value]) for population in Population]

    @property
    def levels(self) -> Levels:
        return levels_from({name.value: self.cleaned_data[name.value] for name in Population})


class DomainField(OneLineField):
    """A domain as people write it: with https://, www. and a path, too."""

    def __init__(self, **kwargs: Any) -> None:
        limits = [DomainNameValidator(), MaxLengthValidator(Partner._meta.get_field("domain").max_length)]
        super().__init__(max_length=300, required=False, validators=limits, **kwargs)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value).lower().removeprefix("https://").removeprefix("http://")
        return text.partition("/")[0].removeprefix("www.")


class InviteForm(LevelsForm):
    name = OneLineField(label="Company", max_length=100)
    domain = DomainField(help_text="Such as globex.com; it helps you to tell companies apart.")
    email = forms.EmailField(
        label="E-mail of your contact",
        max_length=254,
        help_text="Who founded or runs their workspace. They need to sign in with this address.",
    )
    note = OneLineField(
        required=False,
        max_length=280,
        widget=forms.Textarea({"rows": 2}),
        help_text="Stands in the mail.",
    )

    def __init__(self, *args: Any, by: Membership, partner: Partner | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by, self.partner = by, partner
        if partner:
            del self.fields["name"], self.fields["domain"]

    def succeeds(self) -> bool:
        """False: the form now says why not."""
        if not self.is_valid():
            return False
        asked = {
            "email": self.cleaned_data["email"],
            "note": self.cleaned_data["note"],
            "levels": self.levels,
        }
        try:
            if self.partner:
                self.invitation = PartnerInvitation.send_again(self.partner, by=self.by, **asked)
            else:
                about = {"name": self.cleaned_data["name"], "domain": self.cleaned_data["domain"]}
                self.invitation = PartnerInvitation.send(by=self.by, **about, **asked)
        except PartnerInvitation.TooSoon:
            self.add_error(None, "Your workspace has sent many invitations today. Please go on tomorrow.")
        except PartnerInvitation.AlreadyInvited:
            self.add_error("email", "Your workspace has an open invitation to this address.")
        except Partner.Changed:
            self.add_error(None, "A colleague was quicker: this partner is invited.")
        return self.is_valid()


class ChangeForm(forms.ModelForm):
    name = OneLineField(label="Company", max_length=100)
    domain = DomainField()

    class Meta:
        model = Partner
        fields = ["name", "domain", "owner", "notes", "is_restricted"]
        labels = {"owner": "Managed by", "is_restricted": "Restricted"}
        help_texts = {
            "notes": "Only your own workspace sees them.",
            "is_restricted": "Only owners, admins and the people of this partner's team see it.",
        }
        widgets = {"notes": forms.Textarea({"rows": 5})}

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        colleagues = Membership.objects.active().values("user")
        self.fields["owner"].queryset = User.objects.filter(pk__in=colleagues).order_by("name", "email")
        self.fields["owner"].empty_label = "Nobody"

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        stored = Partner.objects.get(pk=self.instance.pk)
        stored.change(by=self.by, **self.cleaned_data)
        return True


class SharingForm(LevelsForm):
    """What should be shared from now on, and the stamp of what was shared when the page was shown."""

    seen = forms.RegexField(
        r"^[0-9a-f]{16}$",
        widget=forms.HiddenInput,
        error_messages={"invalid": "Please open the page again.", "required": "Please open the page again."},
    )

    def __init__(self, *args: Any, partner: Partner, **kwargs: Any) -> None:
        super().__init__(*args, levels=partner.levels, **kwargs)
        self.partner = partner
        self.fields["seen"].initial = self.now

    @property
    def now(self) -> str:
        return stamp(self.partner.shares)

    @property
    def shares(self) -> Shares:
        now = self.partner.shares
        return {
            population: replace(now[population], level=level, follows=False)
            for population, level in self.levels.items()
            if level != now[population].level
        }

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What confirming would do, as the levels stand now."""
        now = self.partner.levels
        return [
            {"population": name, "before": now[name], "after": level, "is_more": level.rank > now[name].rank}
            for name, level in self.levels.items()
            if level != now[name]
        ]

    @property
    def is_stale(self) -> bool:
        return self.cleaned_data["seen"] != self.now


class GrantForm(forms.Form):
    """A member of this workspace, and what they are to this partner."""

    member = forms.ChoiceField(label="Person")
    grant = forms.ChoiceField(choices=Grant, label="As", initial=Grant.CONTRIBUTOR)

    def __init__(self, *args: Any, partner: Partner, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partner, self.by = partner, by
        self.fields["member"].choices = lambda: [("", "Choose a person"), *self._people]

    @property
    def _people(self) -> list[tuple[str, str]]:
        return [(str(member.pk), str(member)) for member in self.partner.colleagues]

    def clean_member(self) -> Membership:
        return next(m for m in self.partner.colleagues if str(m.pk) == self.cleaned_data["member"])

    def clean(self) -> dict[str, Any]:
        member, grant = self.cleaned_data.get("member"), self.cleaned_data.get("grant")
        if member and grant and Grant(grant) not in Grant.for_role(member.role):
            self.add_error(
                "grant", f"{member} is a viewer of this workspace, and can be no more than that here."
            )
        return self.cleaned_data

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        self.partner.grant(Grant(self.cleaned_data["grant"]), to=self.cleaned_data["member"], by=self.by)
        return True


class AcceptForm(LevelsForm):
    """Into which of one's own workspaces, and what that one shows."""

    workspace = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, *args: Any, offer: Offer, places: list[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer, self.places = offer, {str(place.pk): place for place in places}
        self.fields["workspace"].choices = [(pk, place.tenant.name) for pk, place in self.places.items()]
        if len(places) == 1:
            self.fields["workspace"].initial = str(places[0].pk)

    def succeeds(self) -> bool:
        """Raises PartnerInvitation.Dead, Offer.NotForYou."""
        if not self.is_valid():
            return False
        self.place = self.places[self.cleaned_data["workspace"]]
        try:
            self.partner = self.offer.accept(by=self.place, levels=self.levels)
        except Offer.AlreadyConnected:
            self.add_error(
                "workspace", f"{self.place.tenant} and {self.offer.workspace} are partners already."
            )
        return self.is_valid()
