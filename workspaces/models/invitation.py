from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied
from django.db import connection, models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core import mail
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, Tenant, TenantModel, User
from core.roles import Permission, Role, permissions_of
from core.tenancy import current_context, person_context, tenant_context
from core.tokens import Keyed
from workspaces.turns import turn, turn_of


class Verdict(models.TextChoices):
    """What becomes of an address that somebody wants to invite."""

    SEND = "send", "will be invited"
    MEMBER = "member", "is a member"
    DEACTIVATED = "deactivated", "is deactivated: reactivate them below"
    INVITED = "invited", "is invited already"
    DECLINED = "declined", "does not want to be invited here"
    ENOUGH = "enough", "got enough mails for today"
    FULL = "full", "is too much for today"
    INVALID = "invalid", "is not an e-mail address"


@dataclass(frozen=True)
class Recipient:
    email: str
    verdict: Verdict


class InvitationQuerySet(TenantQuerySet):
    def pending(self) -> Self:
        return self.filter(state=Invitation.State.PENDING)

    def newest_first(self) -> Self:
        return self.order_by("-sent_at", "id")

    def with_inviter(self) -> Self:
        return self.select_related("tenant", "invited_by__user")

    def of_today(self) -> Self:
        return self.filter(sent_at__gt=timezone.now() - timedelta(days=1))


class Invitation(Keyed, TenantModel):
    """An e-mail address is asked into the workspace. Its key is a link in a mail, good for one joining."""

    PURPOSE = "invitation"
    LIFE = timedelta(days=7)
    PAUSE = timedelta(minutes=5)  # between two mails
    A_DAY = 200  # mails of one workspace
    A_DAY_EACH = 5  # mails to one address

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        REVOKED = "revoked"

    SETTLED = {State.PENDING: Verdict.INVITED, State.DECLINED: Verdict.DECLINED}

    class Refused(Exception):
        """Not to be sent; `verdict` says why."""

        def __init__(self, verdict: Verdict) -> None:
            super().__init__(verdict)
            self.verdict = verdict

    class Dead(Exception):
        """It opens nothing, for whatever reason."""

    class NotYours(Exception):
        """The person has not verified the invited address."""

    class AlreadyMember(Exception):
        """The person belongs to the workspace; an invitation changes no role."""

    class TooSoon(Exception):
        """The last mail is less than five minutes old, or there were many today."""

    email = models.EmailField("e-mail")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    note = models.CharField(max_length=280, blank=True)
    # Let go when the invitation is closed: what is pending goes with the inviter, what was answered stays.
    invited_by = TenantForeignKey(Membership, null=True, related_name="invitations")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    times_sent = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True, blank=True)  # handed to the mail server
    asked_at = models.DateTimeField(null=True, blank=True)  # for a new one, when this had expired
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager.from_queryset(InvitationQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"], condition=Q(state="pending"), name="invitation_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="pending") | Q(invited_by__isnull=False), name="invitation_has_inviter"
            ),
            models.CheckConstraint(condition=~Q(role="owner"), name="invitation_gives_no_ownership"),
        ]
        indexes = [
            models.Index(fields=["tenant", "email"], name="invitation_by_email"),
            models.Index(fields=["email"], condition=Q(state="pending"), name="invitation_waiting"),
        ]

    def __str__(self) -> str:
        return self.email

    # -- who is to be invited --

    @classmethod
    def judge(cls, emails: Iterable[str]) -> list[Recipient]:
        """For valid addresses in lower case, in the workspace of the context."""
        if not (emails := list(emails)):
            return []
        people = Membership.objects.filter(user__email__in=emails).values_list("user__email", "is_active")
        known = {email: Verdict.MEMBER if active else Verdict.DEACTIVATED for email, active in people}
        for email, state in cls.objects.filter(email__in=emails).values_list("email", "state"):
            if verdict := cls.SETTLED.get(state):
                known.setdefault(email, verdict)
        sent = cls._mails_today()
        left = cls.A_DAY - sent.total()
        recipients = []
        for email in emails:
            enough = Verdict.ENOUGH if sent[email] >= cls.A_DAY_EACH else None
            verdict = known.get(email) or enough or (Verdict.SEND if left > 0 else Verdict.FULL)
            left -= verdict is Verdict.SEND
            recipients.append(Recipient(email, verdict))
        return recipients

    # -- acts of the inviting side --

    @classmethod
    def send(cls, *, by: Membership, email: str, role: str = Role.MEMBER, note: str = "") -> Self:
        """Raises PermissionDenied, Refused."""
        with turn(by):
            cls._may(by, role)
            [recipient] = cls.judge([email.lower()])
            if recipient.verdict is not Verdict.SEND:
                raise cls.Refused(recipient.verdict)
            invitation = cls(email=recipient.email, role=role, note=note, invited_by=by)
            invitation._post()
            AuditEvent.record(Action.MEMBER_INVITED, by=by, target=invitation, changes={"role": role})
            return invitation

    def resend(self, *, by: Membership) -> None:
        """A new key and seven new days; the link in the mail before is dead. Raises PermissionDenied, Dead, TooSoon."""
        with turn(by):
            self._reload()
            self._may(by, self.role)
            sent = self._mails_today()
            if not self.may_be_resent or sent[self.email] >= self.A_DAY_EACH or sent.total() >= self.A_DAY:
                raise self.TooSoon
            self.invited_by = by
            self._post()
            AuditEvent.record(Action.INVITATION_RESENT, by=by, target=self)

    def change_role(self, role: str, *, by: Membership) -> None:
        """Raises PermissionDenied, Dead."""
        with turn(by):
            self._reload()
            self._may(by, self.role, role)
            if role != self.role:
                before, self.role = self.role, role
                self.save(update_fields=["role"])
                AuditEvent.record(
                    Action.INVITATION_CHANGED, by=by, target=self, changes={"role": [before, role]}
                )

    def link(self, *, by: Membership) -> str:
        """The path with the key, to be sent another way. Raises PermissionDenied, Dead."""
        with turn(by):
            self._reload()
            self._may(by, self.role)
            AuditEvent.record(Action.INVITATION_COPIED, by=by, target=self)
            return reverse("workspaces:invitation_open", kwargs={"token": self.token})

    def revoke(self, *, by: Membership) -> None:
        """Raises PermissionDenied, Dead."""
        with turn(by):
            self._reload()
            self._may(by, self.role)
            self._close(self.State.REVOKED)
            AuditEvent.record(Action.INVITATION_REVOKED, by=by, target=self)

    @classmethod
    def revoke_beyond(cls, inviter: Membership) -> int:
        """Those that the inviter, as he is now, could not send. Part of the act that changed him; says how many."""
        mine = cls.objects.pending().filter(invited_by=inviter)
        beyond = [invitation for invitation in mine if invitation.role not in grantable_by(inviter)]
        for invitation in beyond:
            invitation._close(cls.State.REVOKED)
        return len(beyond)

    @classmethod
    def revoke_to(cls, user: User) -> int:
        """Those that wait for any address of this person, who is sent away. Part of that act; says how many."""
        addresses = EmailAddress.objects.filter(user=user).values("email")
        waiting = list(cls.objects.pending().filter(email__in=addresses))
        for invitation in waiting:
            invitation._close(cls.State.REVOKED)
        return len(waiting)

    # -- acts of the invited side --

    @classmethod
    def find(cls, token_hash: str) -> Self:
        """Raises Dead. An expired one is found: whom it was sent to may ask for another."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT workspaces_invitation_tenant(%s)", [token_hash])
            [tenant_id] = cursor.fetchone()
        if tenant_id is None:
            raise cls.Dead
        return cls._found(tenant_id, token_hash=token_hash)

    @classmethod
    def to(cls, user: User, pk: UUID) -> Self:
        """One of the person's own open invitations. Raises Dead."""
        for mine in cls.mine(user):
            if mine.invitation_id == pk:
                return cls._found(mine.tenant_id, pk=pk)
        raise cls.Dead

    @classmethod
    def mine(cls, user: User) -> "list[MyInvitation]":
        """What this person can join now, newest first: one query, through a door of its own."""
        here = current_context().user_id == user.pk
        with nullcontext() if here else person_context(user), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM workspaces_my_invitations()")
            rows = cursor.fetchall()
        return [MyInvitation(*row[:-1]) for row in rows if row[4] in grantable(row[-1])]

    def accept(self, *, by: User) -> Membership:
        """Raises Dead, NotYours, AlreadyMember."""
        with turn_of(by, self.tenant_id):
            self._open_for(by)
            member, joined = Membership.objects.get_or_create(user=by, defaults={"role": self.role})
            if not joined:
                raise self.AlreadyMember if member.is_active else self.Dead
            changes = {"role": self.role, "invited_by": str(self.invited_by)}
            self._close(self.State.ACCEPTED)
            AuditEvent.record(Action.MEMBER_JOINED, by=by, target=member, changes=changes)
            return member

    def decline(self, *, by: User) -> None:
        """Raises Dead, NotYours."""
        with turn_of(by, self.tenant_id):
            self._open_for(by)
            self._close(self.State.DECLINED)
            AuditEvent.record(Action.INVITATION_DECLINED, by=by, target=self)

    def ask_again(self, *, by: User) -> None:
        """The link came too late: tell the inviter, once. Raises Dead, NotYours."""
        from workspaces.tasks import mail_question

        with turn_of(by, self.tenant_id):
            self._open_for(by, expired=True)
            if self.asked_at is None:
                self.asked_at = timezone.now()
                self.save(update_fields=["asked_at"])
                AuditEvent.record(Action.INVITATION_ASKED, by=by, target=self)
                mail_question.defer(tenant_id=str(self.tenant_id), invitation_id=str(self.pk))

    # -- jobs --

    def deliver(self, time: int) -> None:
        """Unless it was revoked, answered or sent anew since the act, or the inviter lost the right."""
        if self.is_alive and not self.is_expired and time == self.times_sent:
            mail.send("invitation", self.email, self._words() | {"token": self.token})
            self.mailed_at = timezone.now()
            self.save(update_fields=["mailed_at"])

    def deliver_question(self) -> None:
        if self.is_alive:
            mail.send("invitation_question", self.invited_by.user.email, self._words())

    # -- states --

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @property
    def expires_soon(self) -> bool:
        return self.expires_at <= timezone.now() + timedelta(days=1)

    @property
    def may_be_resent(self) -> bool:
        return self.sent_at <= timezone.now() - self.PAUSE

    @property
    def is_alive(self) -> bool:
        """Pending, in an active workspace, by somebody who could send it now."""
        inviter = self.invited_by
        return (
            self.state == self.State.PENDING
            and self.tenant.is_active
            and inviter.user.is_active
            and self.role in grantable_by(inviter)
        )

    def is_for(self, user: User) -> bool:
        """Never by user.email, which nobody may have verified; and to the letter: in upper case, ı is an I."""
        return (
            user.is_authenticated
            and EmailAddress.objects.filter(user=user, email=self.email, verified=True).exists()
        )

    @property
    def masked_email(self) -> str:
        name, _, domain = self.email.partition("@")
        return f"{name[:1]}***@{domain}"

    # -- inside --

    @classmethod
    def _found(cls, tenant_id: UUID, **lookup: object) -> Self:
        with tenant_context(tenant_id):
            invitation = cls.objects.pending().with_inviter().filter(**lookup).first()
            if invitation is None or not invitation.is_alive:
                raise cls.Dead
            invitation.colleagues = Membership.objects.active().count()
            return invitation

    def _open_for(self, user: User, *, expired: bool = False) -> None:
        """As it stands now, under the same key. Raises Dead, NotYours."""
        self._reload(token_hash=self.token_hash)
        if not self.is_alive or self.is_expired is not expired:
            raise self.Dead
        if not self.is_for(user):
            raise self.NotYours

    def _reload(self, **lookup: str) -> None:
        now = Invitation.objects.pending().with_inviter().filter(pk=self.pk, **lookup).first()
        if now is None:
            raise self.Dead
        for field in self._meta.fields:
            setattr(self, field.attname, getattr(now, field.attname))
        self.tenant, self.invited_by = now.tenant, now.invited_by

    @staticmethod
    def _may(by: Membership, *roles: str) -> None:
        if not set(roles) <= set(grantable_by(by)):
            raise PermissionDenied

    @classmethod
    def _mails_today(cls) -> Counter[str]:
        sent = Counter()
        for email, times in cls.objects.of_today().values_list("email", "times_sent"):
            sent[email] += times
        return sent

    def _post(self) -> None:
        from workspaces.tasks import mail_invitation

        now = timezone.now()
        self.new_key()
        self.sent_at, self.expires_at, self.times_sent = now, now + self.LIFE, self.times_sent + 1
        self.mailed_at = self.asked_at = None
        self.save()
        mail_invitation.defer(tenant_id=str(self.tenant_id), invitation_id=str(self.pk), time=self.times_sent)

    def _close(self, state: State) -> None:
        self.state, self.closed_at, self.invited_by = state, timezone.now(), None
        self.drop_key()
        self.save()

    def _words(self) -> dict[str, object]:
        inviter = self.invited_by.user
        return {
            "inviter": inviter,
            "inviter_email": inviter.email,
            "workspace": self.tenant,
            "slug": self.tenant.slug,
            "email": self.email,
            "role": self.get_role_display(),
            "note": self.note,
            "expires_at": self.expires_at,
        }


class MyInvitation(NamedTuple):
    """One that waits for the person who looks."""

    tenant_id: UUID
    tenant_name: str
    tenant_accent: str
    invitation_id: UUID
    role: Role
    inviter: str
    expires_at: datetime

    @property
    def tenant(self) -> Tenant:
        """For its name and colour; what else a workspace has stays behind the door."""
        return Tenant(pk=self.tenant_id, name=self.tenant_name, accent=self.tenant_accent)

    def get_role_display(self) -> str:
        return Role(self.role).label


def grantable_by(member: Membership) -> list[Role]:
    """The roles that this member may invite to, now."""
    return grantable(member.role) if member.is_active else []


def grantable(role: str) -> list[Role]:
    return Role(role).grantable() if Permission.INVITE_MEMBERS in permissions_of(role) else []
