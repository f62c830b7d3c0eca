from typing import Any

from django import forms
from django.core.validators import DomainNameValidator, MaxLengthValidator

from core.models import Membership, User
from partners.models import (
    DataRequest,
    Grant,
    Level,
    Levels,
    Offer,
    Partner,
    PartnerInvitation,
    Population,
    all_hidden,
    levels_from,
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


class AskForm(forms.Form):
    """For more of one population of theirs."""

    population = forms.ChoiceField(label="Of their accounts")
    level = forms.ChoiceField(
        label="What you would like to see",
        choices=[(level.value, level.label) for level in Level if level is not Level.HIDDEN],
        initial=Level.OVERLAPS,
    )
    note = OneLineField(
        required=False, max_length=280, widget=forms.Textarea({"rows": 2}), help_text="They read it."
    )

    def __init__(self, *args: Any, partner: Partner, by: Membership, population: Any = None) -> None:
        super().__init__(*args, initial={"population": population})
        self.partner, self.by = partner, by
        self.names = {name.value: name for name in partner.their_shares}
        self.fields["population"].choices = [(code, name.label) for code, name in self.names.items()]

    def succeeds(self) -> bool:
        """False: the form now says why not."""
        if not self.is_valid():
            return False
        values = self.cleaned_data
        asked = {"population": self.names[values["population"]], "level": Level(values["level"])}
        try:
            DataRequest.ask(self.partner, **asked, note=values["note"], by=self.by)
        except DataRequest.NothingToAsk:
            self.add_error("level", f"{self.partner} shows you as much already, or is not connected now.")
        except DataRequest.AlreadyAsked:
            self.add_error(None, "You have asked for this already, or often enough for one day.")
        return self.is_valid()


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
