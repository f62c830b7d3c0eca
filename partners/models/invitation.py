"""The invitation to connect: sent by one workspace to an address, accepted into a workspace of who reads it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, Tenant, TenantModel, User
from core.roles import Permission, permissions_on
from core.tenancy import tenant_context
from core.tokens import Keyed
from partners.models.connection import Connection
from partners.models.defaults import SharingDefault
from partners.models.partner import Partner
from partners.models.sharing import Levels, Shares, SharingRule, published, shares_from, shares_shown
from workspaces.turns import turn


class PartnerInvitationQuerySet(TenantQuerySet):
    def pending(self) -> Self:
        """Answerable, but for its age."""
        return self.filter(state=PartnerInvitation.State.PENDING)

    def with_inviter(self) -> Self:
        return self.select_related("partner", "tenant", "invited_by")


class PartnerInvitation(Keyed, TenantModel):
    """Asks whoever reads this address to connect one of their workspaces with ours.

    What we would show them stands in the partner's sharing rules from the start, in force from the connection on.
    """

    PURPOSE = "partner-invitation"
    LIFE = timedelta(days=14)
    BETWEEN_MAILS = timedelta(minutes=5)
    A_DAY = 50  # mails of one workspace

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        REVOKED = "revoked"

    class Dead(Exception):
        """Unknown, answered, revoked, replaced or expired, or the inviter may not invite any more."""

    class AlreadyInvited(Exception):
        """An open invitation waits at this address, under whatever name."""

    class NotPending(Exception):
        """Answered or revoked by now."""

    class TooSoon(Exception):
        """The last mail went out a moment ago, or there were many today."""

    partner = TenantForeignKey(Partner, related_name="invitations")
    email = models.EmailField("e-mail", blank=True)
    for_domain = models.CharField(max_length=253, blank=True)
    note = models.CharField(max_length=280, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    invited_by = models.ForeignKey(User, models.DB_SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = TenantManager.from_queryset(PartnerInvitationQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner"], condition=Q(state="pending"), name="partner_invitation_once"
            ),
            models.CheckConstraint(
                condition=Q(email="") ^ Q(for_domain=""), name="partner_invitation_is_for_somebody"
            ),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        """Who may answer: one address, or all of a domain."""
        return self.email or f"@{self.for_domain}"

    @property
    def is_expired(self) -> bool:
        return self.state == self.State.PENDING and self.expires_at <= timezone.now()

    @property
    def may_be_resent(self) -> bool:
        return self.sent_at <= timezone.now() - self.BETWEEN_MAILS

    # -- the inviting side ------------------------------------------------------------------------------------

    @classmethod
    @transaction.atomic
    def send(
        cls,
        *,
        name: str,
        domain: str,
        email: str = "",
        for_domain: str = "",
        note: str,
        levels: Levels,
        by: Membership,
    ) -> "PartnerInvitation":
        """A new partner, invited. Raises TooSoon, AlreadyInvited.

        `email`: to whom the mail goes, and who may answer. Or `for_domain`: no mail, but a link to be passed on, which
        anybody with a proved address there may answer.
        """
        with turn(by):  # a form that is sent twice finds the first one's invitation
            waiting = cls.objects.pending().filter(
                email=email.lower(), for_domain=for_domain, expires_at__gt=timezone.now()
            )
            if waiting.exists():
                raise cls.AlreadyInvited
            partner = Partner.objects.create(name=name, domain=domain, owner=by.user)
            return cls._send(partner, email=email, for_domain=for_domain, note=note, levels=levels, by=by)

    @classmethod
    @transaction.atomic
    def send_again(
        cls,
        partner: Partner,
        *,
        email: str = "",
        for_domain: str = "",
        note: str,
        levels: Levels,
        by: Membership,
    ) -> Self:
        """To a partner that declined, whose connection or invitation ended, or that is offline.

        Raises Partner.Changed, TooSoon.
        """
        if (
            partner.state == Partner.State.OFFLINE
        ):  # stays it until they accept: its list goes on being matched
            again = Partner.objects.filter(pk=partner.pk, state=Partner.State.OFFLINE)
            if not again.exists() or cls.objects.pending().filter(partner=partner).exists():
                raise Partner.Changed
        elif not Partner.objects.filter(pk=partner.pk, state__in=Partner.PAST).update(
            state=Partner.State.INVITED
        ):
            raise Partner.Changed
        else:
            partner.state = Partner.State.INVITED
        return cls._send(partner, email=email, for_domain=for_domain, note=note, levels=levels, by=by)

    @classmethod
    def _send(
        cls, partner: Partner, *, email: str, for_domain: str, note: str, levels: Levels, by: Membership
    ) -> Self:
        SharingRule.write(partner, SharingDefault.for_new() | shares_from(levels))
        invitation = cls(partner=partner, email=email.lower(), for_domain=for_domain.lower(), note=note)
        invitation._renew(by=by)
        invitation.save(force_insert=True)
        invitation._mail()
        AuditEvent.record(
            Action.PARTNER_INVITED, by=by, target=partner, changes={"address": invitation.address}
        )
        return invitation

    @transaction.atomic
    def resend(self, *, by: Membership) -> None:
        """A new link and a new fortnight; the old link is dead. Raises NotPending, TooSoon."""
        self._lock()
        if not self.may_be_resent:
            raise self.TooSoon
        self._renew(by=by)
        self.save()
        self._mail()
        AuditEvent.record(
            Action.PARTNER_INVITATION_RESENT, by=by, target=self.partner, changes={"address": self.address}
        )

    @transaction.atomic
    def revoke(self, *, by: Membership) -> None:
        """Raises NotPending."""
        self.close(self.State.REVOKED)
        AuditEvent.record(
            Action.PARTNER_INVITATION_REVOKED, by=by, target=self.partner, changes={"address": self.address}
        )

    def copied(self, *, by: Membership) -> str:
        """The token, for a link that somebody passes on; who may answer stays as it is."""
        AuditEvent.record(
            Action.PARTNER_INVITATION_COPIED, by=by, target=self.partner, changes={"address": self.address}
        )
        return self.token

    def _renew(self, *, by: Membership) -> None:
        a_day_ago = timezone.now() - timedelta(days=1)
        if PartnerInvitation.objects.filter(sent_at__gt=a_day_ago).count() >= self.A_DAY:
            raise self.TooSoon
        self.new_key()
        self.invited_by = by.user
        self.sent_at = timezone.now()
        self.expires_at = self.sent_at + self.LIFE

    def _mail(self) -> None:
        if not self.email:
            return
        from partners.tasks import mail_invitation

        mail_invitation.defer(tenant_id=str(self.tenant_id), invitation_id=str(self.pk))

    def _lock(self) -> None:
        found = PartnerInvitation.objects.pending().select_for_update(no_key=True).filter(pk=self.pk)
        if not found:
            raise self.NotPending
        self.refresh_from_db()

    PARTNER_STATE = {
        State.ACCEPTED: Partner.State.CONNECTED,
        State.DECLINED: Partner.State.DECLINED,
        State.REVOKED: Partner.State.REVOKED,
    }

    def close(self, state: State, **also: Any) -> None:
        """Part of each act that uses it up; `also` is set on the partner. Raises NotPending."""
        # The WHERE is the lock: of two answers at one moment, the second finds no such row; nor after a resend.
        found = PartnerInvitation.objects.pending().filter(pk=self.pk, token_hash=self.token_hash)
        if not found.update(state=state, nonce="", token_hash=""):
            raise self.NotPending
        self.refresh_from_db()
        if not (self.partner.state == Partner.State.OFFLINE and state != self.State.ACCEPTED):
            also["state"] = self.PARTNER_STATE[state]
        Partner.objects.filter(pk=self.partner_id).update(**also)
        self.partner.refresh_from_db()

    # -- the invited side -------------------------------------------------------------------------------------

    @property
    def is_alive(self) -> bool:
        """Whoever invited must still be one who may: asked at each look, in the workspace's context."""
        return (
            self.state == self.State.PENDING
            and not self.is_expired
            and self.tenant.is_active
            and self.inviter is not None
            and self.inviter.user.is_active
            and Permission.CONNECT_PARTNERS in permissions_on(self.partner, self.inviter)
        )

    @cached_property
    def inviter(self) -> Membership | None:
        members = Membership.objects.active().select_related("user")
        return members.filter(user=self.invited_by_id).first()

    @classmethod
    def behind(cls, token_hash: str) -> "Offer":
        """What the link that was opened offers. Raises Dead."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT tenant_id, invitation_id FROM partners_invitation_door(%s)", [token_hash])
            row = cursor.fetchone()
        if row is None:
            raise cls.Dead
        with tenant_context(row[0]):
            invitation = cls.objects.with_inviter().filter(pk=row[1]).first()
            if invitation is None or not invitation.opens_with(token_hash) or not invitation.is_alive:
                raise cls.Dead
            return Offer(
                token_hash=token_hash,
                invitation_id=invitation.pk,
                tenant_id=invitation.tenant_id,
                workspace=invitation.tenant.name,
                inviter=str(invitation.invited_by),
                inviter_email=invitation.invited_by.email,
                email=invitation.email,
                for_domain=invitation.for_domain,
                note=invitation.note,
                shares=shares_shown(published(invitation.partner.shares)),
                expires_at=invitation.expires_at,
            )


@dataclass(frozen=True)
class Offer:
    """What an invited person may know of an invitation, and the two answers to it."""

    token_hash: str
    invitation_id: UUID
    tenant_id: UUID
    workspace: str
    inviter: str
    inviter_email: str
    email: str
    for_domain: str
    note: str
    shares: Shares  # as the other side may know them: a hidden population of our own making is not even named
    expires_at: datetime

    class AlreadyConnected(Exception):
        """These two workspaces are partners."""

    class NotForYou(Exception):
        """Sent to an address that this person has not confirmed as the own one."""

    def is_for(self, user: User) -> bool:
        """Never by user.email, which nobody may have verified; and to the letter: in upper case, ı is an I."""
        if not user.is_authenticated:
            return False
        proved = EmailAddress.objects.filter(user=user, verified=True)
        if self.email:
            return proved.filter(email=self.email).exists()
        return proved.filter(email__endswith=f"@{self.for_domain}").exists()

    @property
    def masked_email(self) -> str:
        name, _, domain = self.email.partition("@")
        return f"{name[:1]}***@{domain}" if self.email else f"anybody at {self.for_domain}"

    def workspaces_of(self, user: User) -> list[Membership]:
        """Where this person may connect partners; not the workspace that invites."""
        mine = Membership.across_tenants.of(user).exclude(tenant=self.tenant_id).select_related("tenant")
        return [m for m in mine.order_by("tenant__name") if Permission.CONNECT_PARTNERS in m.permissions]

    @transaction.atomic
    def accept(self, *, by: Membership, levels: Levels) -> Partner:
        """Connect the workspace of this membership; returns its record of the partner.

        Raises AlreadyConnected, NotForYou, PartnerInvitation.Dead.
        """
        if not self.is_for(by.user) or Permission.CONNECT_PARTNERS not in by.permissions:
            raise self.NotForYou
        with tenant_context(by.tenant_id, by=by):
            link = self._link(by.tenant_id)
            with tenant_context(self.tenant_id):
                theirs = self._answer(PartnerInvitation.State.ACCEPTED, connection_id=link.pk)
                their_shares, inviting = theirs.shares_now(), Tenant.objects.get(pk=self.tenant_id)
            ours = self._our_record(inviting, link)
            SharingRule.write(ours, SharingDefault.for_new() | shares_from(levels))
            shares = {self.tenant_id: published(their_shares), by.tenant_id: published(ours.shares_now())}
            link.publish(shares)
            ours.record_on_both_sides(Action.PARTNER_CONNECTED, by=by)
            return ours

    @transaction.atomic
    def decline(self, *, by: User) -> None:
        """Raises NotForYou, PartnerInvitation.Dead."""
        if not self.is_for(by):
            raise self.NotForYou
        with tenant_context(self.tenant_id):
            partner = self._answer(PartnerInvitation.State.DECLINED)
            AuditEvent.record(Action.PARTNER_INVITATION_DECLINED, by=by, target=partner)

    def _link(self, invitee_id: UUID) -> Connection:
        """The unique pair is the lock: of two answers at one moment, the second waits here for the first."""
        try:
            with transaction.atomic():
                return Connection.objects.create(inviter_id=self.tenant_id, invitee_id=invitee_id)
        except IntegrityError as twice:
            raise self.AlreadyConnected from twice

    def _answer(self, state: str, **also: Any) -> Partner:
        """Use the invitation up, in its workspace's context; returns its partner record."""
        invitation = PartnerInvitation.objects.filter(
            pk=self.invitation_id, token_hash=self.token_hash
        ).first()
        if invitation is None or not invitation.is_alive:
            raise PartnerInvitation.Dead
        kept = Connection.objects.filter(pk=invitation.partner.connection_id, is_offline=True).first()
        try:
            invitation.close(state, **also)
        except PartnerInvitation.NotPending as quicker:
            raise PartnerInvitation.Dead from quicker
        if kept and state == PartnerInvitation.State.ACCEPTED:
            kept.drop_list()  # theirs takes the place of the one that we kept of them
        return invitation.partner

    def _our_record(self, inviting: Tenant, link: Connection) -> Partner:
        """The one from an earlier connection of these two, or a new one."""
        earlier = Connection.objects.between(link.inviter_id, link.invitee_id).exclude(pk=link.pk)
        ours = Partner.objects.filter(connection_id__in=earlier.values("pk")).order_by("-created_at").first()
        if ours is None:
            return Partner.objects.create(
                name=inviting.name,
                domain=inviting.domain,
                state=Partner.State.CONNECTED,
                connection_id=link.pk,
            )
        PartnerInvitation.objects.pending().filter(partner=ours).update(
            state=PartnerInvitation.State.REVOKED, nonce="", token_hash=""
        )
        ours.state, ours.connection_id = Partner.State.CONNECTED, link.pk
        ours.save(update_fields=["state", "connection_id"])
        return ours
