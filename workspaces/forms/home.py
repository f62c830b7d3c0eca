from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import DomainNameValidator, validate_slug

from core import naming
from core.models import Membership, Tenant, User
from workspaces import founding, profile
from workspaces.forms.fields import OneLineField
from workspaces.images import NotAnImage, square_png
from workspaces.models import WorkspaceLogo

ACCENTS = [
    ("", "By itself"),
    ("1", "Red"),
    ("2", "Orange"),
    ("3", "Olive"),
    ("4", "Green"),
    ("5", "Teal"),
    ("6", "Blue"),
    ("7", "Violet"),
    ("8", "Pink"),
]


class SlugField(forms.CharField):
    """A workspace's address; upper case is forgiven."""

    default_validators = [validate_slug]

    def to_python(self, value: Any) -> str:
        return super().to_python(value).lower()

    def validate(self, value: str) -> None:
        super().validate(value)
        if value and (value != naming.slugify(value) or len(value) < 2):
            raise forms.ValidationError(
                "Use small letters, digits and single hyphens between them; two characters at least."
            )
        if value and not naming.is_allowed(value):
            raise forms.ValidationError("This address is reserved. Please choose another one.")


class ActForm(forms.Form):
    """A form whose act may be refused when it is done, by somebody else's being quicker for example."""

    REFUSALS: dict[type[Exception], tuple[str, str]] = {
        Tenant.SlugTaken: (
            "slug",
            "This address is taken, now or by links of former days. Please choose another one.",
        ),
        profile.TooManyAddresses: (
            "slug",
            "This workspace has had ten addresses. It can go back to one of them, but not take another.",
        ),
    }

    def succeeds(self) -> bool:
        if not self.is_valid():
            return False
        try:
            self.save()
        except tuple(self.REFUSALS) as refusal:
            self.add_error(*self.REFUSALS[type(refusal)])
            return False
        return True


class NewWorkspaceForm(ActForm):
    name = OneLineField(
        max_length=100,
        help_text="Usually the company’s name.",
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    slug = SlugField(
        label="Address",
        max_length=naming.SLUG_LENGTH,
        required=False,
        help_text="As in /w/acme/. Left empty, it is made from the name.",
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def save(self) -> None:
        self.membership = founding.found(
            owner=self.owner,
            contact_email=self.owner.email,
            origin=Tenant.Origin.PERSON,
            **self.cleaned_data,
        )


class ProfileForm(ActForm):
    name = OneLineField(max_length=100)
    contact_email = forms.EmailField(
        label="Contact e-mail",
        max_length=254,
        required=False,
        help_text="For mail about the workspace itself.",
    )
    domain = forms.CharField(
        max_length=253,
        required=False,
        help_text="The company’s own domain, such as acme.com.",
        validators=[DomainNameValidator()],
    )
    accent = forms.ChoiceField(
        label="Colour",
        choices=ACCENTS,
        required=False,
        widget=forms.RadioSelect,
        help_text="Of the square with the initials, where there is no logo.",
    )

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        tenant = member.tenant
        kwargs.setdefault("initial", {name: getattr(tenant, name) for name in self.base_fields})
        super().__init__(*args, **kwargs)
        self.member = member

    def clean_domain(self) -> str:
        return self.cleaned_data["domain"].lower()

    def save(self) -> None:
        profile.change(self.member.tenant, by=self.member, **self.cleaned_data)


class AddressForm(ActForm):
    slug = SlugField(
        label="Address",
        max_length=naming.SLUG_LENGTH,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="Links with the old address go on working, and no other workspace ever gets it.",
    )

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": {"slug": member.tenant.slug}} | kwargs)
        self.member = member

    def save(self) -> None:
        profile.move(self.member.tenant, to=self.cleaned_data["slug"], by=self.member)


class LogoForm(ActForm):
    logo = forms.FileField(
        label="Logo file",
        help_text="PNG, JPEG or WebP, at most 2 MB. It is made into a square.",
        widget=forms.FileInput({"accept": "image/png,image/jpeg,image/webp"}),
    )

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.member = member

    def clean_logo(self) -> bytes:
        file = self.cleaned_data["logo"]
        if file.size > settings.LOGO_MAX_BYTES:
            raise forms.ValidationError("This file is larger than 2 MB.")
        try:
            return square_png(file)
        except NotAnImage as problem:
            raise forms.ValidationError(str(problem)) from problem

    def save(self) -> None:
        WorkspaceLogo.put(self.cleaned_data["logo"], by=self.member)
