from contextlib import suppress
from functools import cached_property
from typing import Any

from django import forms

from core.models import Membership
from core.roles import Role
from workspaces import invitations, members
from workspaces.models import Invitation, Recipient, Verdict
from workspaces.models.invitation import grantable_by


class InviteForm(forms.Form):
    """Any number of addresses, one role, one note; nothing is sent while one address is wrong."""

    emails = forms.CharField(
        label="E-mail addresses",
        max_length=20_000,
        widget=forms.Textarea({"rows": 1, "autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(initial=Role.MEMBER)
    note = forms.CharField(
        max_length=280, required=False, widget=forms.Textarea({"rows": 2}), help_text="Stands in the mail."
    )

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.fields["role"].choices = [(role.value, role.label) for role in grantable_by(by)]

    @cached_property
    def recipients(self) -> list[Recipient]:
        text = self.data.get("emails", "").replace("\0", "")
        return invitations.recipients(invitations.parse(text[:20_000])[: invitations.MOST + 1])

    @property
    def sendable(self) -> list[Recipient]:
        return [one for one in self.recipients if one.verdict is Verdict.SEND]

    @property
    def skipped(self) -> list[Recipient]:
        return [one for one in self.recipients if one.verdict is not Verdict.SEND]

    @property
    def invalid(self) -> list[Recipient]:
        return [one for one in self.recipients if one.verdict is Verdict.INVALID]

    @property
    def role_hint(self) -> str:
        about = members.ABOUT.get(self["role"].value())
        return f"{about.can}." if about else ""

    def clean_emails(self) -> str:
        if len(self.recipients) > invitations.MOST:
            raise forms.ValidationError(f"At most {invitations.MOST} addresses at a time.")
        if self.invalid:
            raise forms.ValidationError([f"{one.email} {one.verdict.label}." for one in self.invalid])
        if not self.sendable:
            raise forms.ValidationError("There is nobody to invite.")
        return self.cleaned_data["emails"]

    def succeeds(self) -> bool:
        """Raises PermissionDenied."""
        if not self.is_valid():
            return False
        self.sent = []
        for one in self.sendable:
            with suppress(Invitation.Refused):  # somebody else was quicker
                self.sent.append(
                    Invitation.send(
                        by=self.by,
                        email=one.email,
                        role=self.cleaned_data["role"],
                        note=self.cleaned_data["note"],
                    )
                )
        return True

    @property
    def outcome(self) -> str:
        """What was done, in words."""
        skipped = "".join(f" {one.email} {one.verdict.label}." for one in self.skipped)
        return f"{len(self.sent)} invitation{'s' if len(self.sent) != 1 else ''} sent.{skipped}"


class RoleForm(forms.Form):
    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: list[Role], now: str, **kwargs: Any) -> None:
        super().__init__(*args, initial={"role": now}, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]


class MemberRoleForm(RoleForm):
    def __init__(self, *args: Any, member: Membership, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, roles=members.roles_for(by, member), now=member.role, **kwargs)
        self.member, self.by = member, by

    def succeeds(self) -> bool:
        """Who is the last owner is known only when their turn comes. Raises PermissionDenied."""
        if not self.is_valid():
            return False
        try:
            members.change_role(self.member, self.cleaned_data["role"], by=self.by)
        except members.LastOwner:
            self.add_error("role", "The workspace needs an owner: offer the ownership to somebody first.")
        return not self.errors


class InvitationRoleForm(RoleForm):
    def __init__(self, *args: Any, invitation: Invitation, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, roles=grantable_by(by), now=invitation.role, **kwargs)
        self.invitation, self.by = invitation, by

    def succeeds(self) -> bool:
        """Raises PermissionDenied, Invitation.Dead."""
        if self.is_valid():
            self.invitation.change_role(self.cleaned_data["role"], by=self.by)
        return not self.errors
