"""How a person becomes a founder: the sign-up form, and what allauth asks of us."""

import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from allauth.account import forms as allauth_forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from core.models import User
from workspaces import founding
from workspaces.forms.fields import OneLineField

# A path of this host, as Python and browsers both read it: they disagree on backslashes and control characters.
PATH = re.compile(r"/(?![/\\])[^\\\x00-\x1f\x7f]*")


class AccountAdapter(DefaultAccountAdapter):
    def is_safe_url(self, url: str) -> bool:
        return bool(PATH.fullmatch(url))

    def clean_email(self, email: str) -> str:
        MaxLengthValidator(User._meta.get_field("email").max_length)(email)
        return super().clean_email(email)

    def save_user(self, request: HttpRequest, user: User, form: forms.Form, commit: bool = True) -> User:
        for name, value in form.person().items():
            setattr(user, name, value)
        return super().save_user(request, user, form, commit)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """After the commit, so that no lock waits for a mail server; with links from the settings, because the
        Host header, its port at least, is the sender's to choose."""
        links = {
            name: settings.SITE_URL + urlsplit(value).path
            for name, value in context.items()
            if name.endswith("_url")
        }
        message = self.render_mail(template_prefix, email, {"email": email} | context | links)
        transaction.on_commit(message.send, robust=True)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One key per account, whatever the Host header and however the address is written."""
        return unicodedata.normalize("NFKC", credentials.get("email", "")).casefold().strip()


class SignupForm(allauth_forms.SignupForm):
    """E-mail, name, company, password: an account and its workspace, or, for a taken address, nothing at all."""

    name = OneLineField(label="Your name", max_length=200, widget=forms.TextInput({"autocomplete": "name"}))
    company = OneLineField(
        max_length=100,
        required=False,
        widget=forms.TextInput({"autocomplete": "organization"}),
        help_text="The name of your workspace. You can change it later.",
    )
    field_order = ["email", "name", "company", "password1"]

    class Undone(Exception):
        """Not an error: takes back what was done only to take the same time."""

    def validate_unique_email(self, value: str) -> str:
        """A second address that somebody else only claims keeps nobody out."""
        value = super().validate_unique_email(value)
        proved = EmailAddress.objects.filter(email=value, verified=True)
        self.account_already_exists = User.objects.filter(
            Q(email=value) | Q(pk__in=proved.values("user"))
        ).exists()
        return value

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists:
            self._take_the_same_time()
            return super().try_save(request)
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:  # the same address, at the same moment
            self.account_already_exists = True
            return super().try_save(request)

    def custom_signup(self, request: HttpRequest, user: User) -> None:
        founding.sign_up(user)

    def _take_the_same_time(self) -> None:
        """Hash the password, found a workspace, undo it: the clock must not tell who has an account."""
        try:
            with transaction.atomic():
                domain = self.cleaned_data["email"].partition("@")[2]
                founding.sign_up(
                    User.objects.create_user(
                        f"{uuid4().hex}@{domain}", self.cleaned_data["password1"], **self.person()
                    )
                )
                raise self.Undone
        except self.Undone:
            pass

    def person(self) -> dict[str, str]:
        return {"name": self.cleaned_data["name"], "business_name": self.cleaned_data["company"]}


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """Not by a second address that nobody has proved: whoever reads its mail would get the account, or be led into
    one that its owner can take back."""

    def clean_email(self) -> str:
        email = super().clean_email()
        proved = set(
            EmailAddress.objects.filter(email=email.lower(), verified=True).values_list("user", flat=True)
        )
        self.users = [user for user in self.users if user.email == email.lower() or user.pk in proved]
        return email
