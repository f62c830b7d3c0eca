from typing import Any

from django import forms
from django.core.validators import DomainNameValidator, MaxLengthValidator

from core.models import Membership, User
from core.naming import free_mail
from core.tenancy import tenant_context
from partners import offline
from partners.models import (
    Custom,
    DataRequest,
    Grant,
    Level,
    Levels,
    Offer,
    Partner,
    PartnerInvitation,
    Population,
    Share,
    Shares,
    SharingDefault,
    all_hidden,
)
from workspaces.forms.fields import OneLineField

DEFAULT = "default"


class LevelsForm(forms.Form):
    """One choice of a level for each population.

    `defaults`: a further choice, and the first one, is what the workspace's default says, in these words.
    """

    all_levels = list(Level)

    def __init__(
        self, *args: Any, levels: Levels | None = None, defaults: dict | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.defaults = defaults or {}
        self.populations = list(self.defaults or Population)
        choices = [(DEFAULT, "Default")] if self.defaults else []
        for population in self.populations:
            self.fields[population.value] = forms.ChoiceField(
                choices=choices + [(level.value, level.short) for level in Level],
                label=population.label,
                initial=DEFAULT if self.defaults else (levels or all_hidden())[population],
                required=population in Population,
                widget=forms.RadioSelect({"class": "sr"}),
            )

    @property
    def rows(self) -> list[tuple[Population | Custom, forms.BoundField]]:
        return [(population, self[population.value]) for population in self.populations]

    @property
    def levels(self) -> Levels:
        """Those that are chosen; the others follow the default."""
        chosen = {name: self.cleaned_data[name.value] for name in self.populations}
        return {name: Level(level) for name, level in chosen.items() if level in Level}


class TagsField(OneLineField):
    """Several, with commas between them."""

    MOST = 20

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=1000, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        words = (word.strip() for word in super().clean(self.prepare_value(value)).split(","))
        tags = list(dict.fromkeys(filter(None, words)))
        longest = Partner._meta.get_field("tags").base_field.max_length
        if len(tags) > self.MOST or any(len(tag) > longest for tag in tags):
            raise forms.ValidationError(
                f"At most {self.MOST} tags, of {longest} characters each, with commas between them."
            )
        return tags


class DomainField(OneLineField):
    """A domain as people write it: with https://, www. and a path, too."""

    def __init__(self, **kwargs: Any) -> None:
        limits = [DomainNameValidator(), MaxLengthValidator(Partner._meta.get_field("domain").max_length)]
        super().__init__(max_length=300, required=False, validators=limits, **kwargs)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value).lower().removeprefix("https://").removeprefix("http://")
        return text.partition("/")[0].removeprefix("www.")


class OfflineForm(forms.Form):
    """A partner without a workspace here."""

    name = OneLineField(label="Company", max_length=100)
    domain = DomainField(help_text="Such as globex.com; it helps you to tell companies apart.")

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by

    def succeeds(self) -> bool:
        if self.is_valid():
            self.partner = offline.add(**self.cleaned_data, by=self.by)
        return self.is_valid()


class InviteForm(LevelsForm):
    name = OneLineField(label="Company", max_length=100)
    domain = DomainField(help_text="Such as globex.com; it helps you to tell companies apart.")
    email = forms.EmailField(
        label="E-mail of your contact",
        max_length=254,
        required=False,
        help_text="Who founded or runs their workspace. They get a mail, and need to sign in with this address.",
    )
    for_domain = DomainField(
        label="Or anybody with an address at",
        help_text="Such as globex.com. No mail is sent: you get a link, and pass it on yourself.",
    )
    note = OneLineField(
        required=False,
        max_length=280,
        widget=forms.Textarea({"rows": 2}),
        help_text="They read it in the mail, and where they answer.",
    )
    anyway = forms.BooleanField(required=False, label="Another workspace of that company: invite it too")

    def __init__(self, *args: Any, by: Membership, partner: Partner | None = None, **kwargs: Any) -> None:
        shares = SharingDefault.shares()
        words = {population: share.shows for population, share in shares.items()}
        super().__init__(*args, defaults=words, **kwargs)
        self.by, self.partner, self.known = by, partner, None
        if partner:
            del self.fields["name"], self.fields["domain"], self.fields["anyway"]

    def clean_for_domain(self) -> str:
        domain = self.cleaned_data["for_domain"]
        if domain in free_mail():
            raise forms.ValidationError(
                f"Anybody can have an address at {domain}. Please give the address of your contact."
            )
        return domain

    def clean(self) -> dict[str, Any]:
        if not {"email", "for_domain"} & self.errors.keys():
            given = [name for name in ("email", "for_domain") if self.cleaned_data.get(name)]
            if len(given) != 1:
                self.add_error(
                    "email", "Please give an address, or else a domain." if not given else "Not both."
                )
        if not self.partner and not self.cleaned_data.get("anyway"):
            self._look_for_known()
        return self.cleaned_data

    def _look_for_known(self) -> None:
        """Who invites may see every partner of the workspace: nothing is told that they could not know."""
        told = [self.cleaned_data.get(name) or "" for name in ("domain", "for_domain", "email")]
        domains = {text.rpartition("@")[2].lower() for text in told} - free_mail() - {""}
        seen = Partner.objects.visible_to(self.by).connected().exclude(state=Partner.State.OFFLINE)
        self.known = seen.filter(domain__in=domains).first()
        if self.known:
            self.add_error(None, f"You and {self.known} are connected already.")

    def succeeds(self) -> bool:
        """False: the form now says why not."""
        if not self.is_valid():
            return False
        asked = {name: self.cleaned_data[name] for name in ("email", "for_domain", "note")}
        try:
            self._send(**asked, levels=self.levels)
        except PartnerInvitation.TooSoon:
            self.add_error(None, "Your workspace has sent many invitations today. Please go on tomorrow.")
        except PartnerInvitation.AlreadyInvited:
            where = "email" if self.cleaned_data["email"] else "for_domain"
            self.add_error(where, "Your workspace has an open invitation to this address.")
        except Partner.Changed:
            self.add_error(None, "A colleague was quicker: this partner is invited.")
        return self.is_valid()

    def _send(self, **asked: Any) -> None:
        if self.partner:
            self.invitation = PartnerInvitation.send_again(self.partner, by=self.by, **asked)
        else:
            about = {"name": self.cleaned_data["name"], "domain": self.cleaned_data["domain"]}
            self.invitation = PartnerInvitation.send(by=self.by, **about, **asked)


class ChangeForm(forms.ModelForm):
    name = OneLineField(label="Company", max_length=100)
    domain = DomainField()
    tier = OneLineField(
        required=False, max_length=40, help_text="Such as Gold, or Strategic: your own words."
    )
    tags = TagsField(help_text="With commas between them.")

    class Meta:
        model = Partner
        fields = ["name", "domain", "kind", "tier", "tags", "owner", "notes", "is_restricted"]
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
        by_place = {place.tenant.name: _defaults_of(place) for place in places}
        words = {
            population: _in_each({n: s[population] for n, s in by_place.items()}) for population in Population
        }
        super().__init__(*args, defaults=words, **kwargs)
        self.offer, self.places = offer, {str(place.pk): place for place in places}
        self.own = [
            (name, population, share)
            for name, shares in by_place.items()
            for population, share in shares.items()
            if population not in Population and share.level is not Level.HIDDEN
        ]
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


def _defaults_of(place: Membership) -> Shares:
    with tenant_context(place.tenant_id):
        return SharingDefault.shares()


def _in_each(shares: dict[str, Share]) -> str:
    """What the default shows; where several workspaces differ in it, each by name."""
    words = {name: share.shows for name, share in shares.items()}
    if len(set(words.values())) <= 1:
        return next(iter(words.values()), Level.HIDDEN.shows)
    return "; ".join(f"{name}: {said}" for name, said in words.items())
