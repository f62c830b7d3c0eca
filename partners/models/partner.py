"""Our record of a company we sell with, and what we do with it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import JSONObject
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.actions import Action
from audit.models import AuditEvent
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel, User
from core.roles import Permission, Role, permissions_on
from core.tenancy import tenant_context
from partners.models.connection import Connection
from partners.models.grant import Grant, PartnerGrant
from partners.models.request import DataRequest
from partners.models.sharing import (
    Custom,
    CustomPopulation,
    Level,
    Levels,
    Population,
    Rules,
    Shares,
    SharingRule,
    differences,
    published,
    shares_shown,
    stamp,
)


class PartnerQuerySet(TenantQuerySet):
    def connected(self) -> Self:
        """With something to see, or that will have once it is resumed."""
        return self.filter(state__in=Partner.CONNECTED)

    def visible_to(self, membership: Membership) -> Self:
        """A restricted partner is for admins, owners and people with a grant."""
        if membership.role in {Role.OWNER, Role.ADMIN}:
            return self
        granted = PartnerGrant.objects.filter(user=membership.user_id).values("content_object_id")
        return self.filter(Q(is_restricted=False) | Q(pk__in=granted))

    def with_grant_of(self, membership: Membership) -> Self:
        """`held`: the code of the member's grant on it, so that permissions cost no query of their own."""
        held = PartnerGrant.objects.filter(content_object=OuterRef("pk"), user=membership.user_id)
        return self.annotate(held=Subquery(held.values("permission__codename")[:1]))

    def with_rules(self) -> Self:
        """What is shared, and of which populations, so that `levels` and `shares` cost no query of their own."""
        rules = SharingRule.objects.filter(partner=OuterRef("pk"))
        columns = ("population", "level", "preset", "fields", "ends_on", "follows_default")
        own = CustomPopulation.objects.order_by("name")
        return self.annotate(
            rule_rows=ArraySubquery(rules.values(rule=JSONObject(**{name: name for name in columns}))),
            own_populations=ArraySubquery(own.values(own=JSONObject(number="number", name="name"))),
        )

    def in_states(self, *states: str) -> Self:
        return self.filter(state__in=states) if states else self

    def matching(self, words: str) -> Self:
        return self.filter(Q(name__icontains=words) | Q(domain__icontains=words)) if words else self

    def by_name(self) -> Self:
        return self.order_by("name", "pk")


class Partner(TenantModel):
    """Our record of another company; the other side has its own record of us."""

    # What each kind of grant may add to a role; `core.roles` says to which.
    GRANTS = {
        Grant.MANAGER: frozenset({Permission.CONNECT_PARTNERS, Permission.CHANGE_SHARING}),
        Grant.CONTRIBUTOR: frozenset(),
        Grant.VIEWER: frozenset(),
    }

    class Kind(models.TextChoices):
        TECHNOLOGY = "technology"
        RESELLER = "reseller"
        SERVICES = "services", "Services and consulting"
        AGENCY = "agency"
        REFERRAL = "referral"
        MARKETPLACE = "marketplace"
        OTHER = "other"

    class State(models.TextChoices):
        INVITED = "invited"
        CONNECTED = "connected"
        OFFLINE = "offline"  # has no workspace here: we keep its list ourselves
        PAUSED = "paused"
        ENDED = "ended"
        DECLINED = "declined"
        REVOKED = "revoked", "Invitation revoked"

    CONNECTED = (State.CONNECTED, State.PAUSED, State.OFFLINE)
    PAST = (State.ENDED, State.DECLINED, State.REVOKED)

    class Changed(Exception):
        """Somebody else changed it since the page was shown."""

    name = models.CharField(max_length=100)
    domain = models.CharField(max_length=253, blank=True)
    kind = models.CharField("type", max_length=20, choices=Kind, blank=True)
    tier = models.CharField(max_length=40, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    notes = models.TextField(blank=True, max_length=5000)
    is_restricted = models.BooleanField("restricted", default=False)
    state = models.CharField(max_length=10, choices=State, default=State.INVITED)
    owner = models.ForeignKey(User, models.DB_SET_NULL, null=True, blank=True, related_name="+")
    # No foreign key: a constraint on a two-sided table would tell whether a hidden row exists.
    connection_id = models.UUIDField(null=True, blank=True, db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager.from_queryset(PartnerQuerySet)()

    class Meta(TenantModel.Meta):
        default_permissions = ()
        permissions = [
            ("manage_partner", "Manages this partner and what is shared with it"),
            ("contribute_to_partner", "Works on this partner's accounts and intros"),
            ("view_partner_restricted", "Sees this partner though it is restricted"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "connection_id"], name="partner_once_per_connection")
        ]
        indexes = [models.Index(fields=["tenant", "name"], name="partner_by_name")]

    def __str__(self) -> str:
        return self.name

    # -- questions --------------------------------------------------------------------------------------------

    def granted_to(self, user_id: UUID) -> frozenset[Permission]:
        """What this person's grant here may add to a role."""
        if user_id not in self.known_grants:
            held = PartnerGrant.objects.on(self).filter(user=user_id)
            self.known_grants[user_id] = held.values_list("permission__codename", flat=True).first()
        code = self.known_grants[user_id]
        return self.GRANTS[Grant(code)] if code else frozenset()

    @cached_property
    def known_grants(self) -> dict[UUID, str | None]:
        """Codes that were fetched already, by person."""
        return {}

    @cached_property
    def colleagues(self) -> list[Membership]:
        """All active members, each with `held`: the code of the grant here, or None."""
        held = PartnerGrant.objects.on(self).filter(user=OuterRef("user")).values("permission__codename")
        members = Membership.objects.active().select_related("user").annotate(held=Subquery(held[:1]))
        found = list(members.order_by("user__name", "user__email"))
        self.known_grants.update({member.user_id: member.held for member in found})
        return found

    @property
    def team(self) -> list[tuple[Membership, Grant]]:
        return [(member, Grant(member.held)) for member in self.colleagues if member.held]

    def responsible(self, permission: Permission) -> list[Membership]:
        """Who is told of what happens to it: its owner, if that is somebody who may do this, else owners and admins."""
        members = Membership.objects.active().filter(user__is_active=True).select_related("user")
        owner = members.filter(user=self.owner_id).first()
        if owner and permission in permissions_on(self, owner):
            return [owner]
        return list(members.filter(role__in=[Role.OWNER, Role.ADMIN]))

    @cached_property
    def connection(self) -> Connection | None:
        return Connection.objects.filter(pk=self.connection_id).first() if self.connection_id else None

    @staticmethod
    def with_connections(partners: Iterable["Partner"]) -> None:
        """Fetch all their connections at once."""
        partners = list(partners)
        found = Connection.objects.in_bulk([p.connection_id for p in partners if p.connection_id])
        for partner in partners:
            partner.connection = found.get(partner.connection_id)

    @cached_property
    def shares(self) -> Shares:
        """What we share with them, our own populations too; no query, after `with_rules`."""
        if not hasattr(self, "own_populations"):
            return self.shares_now()
        own = [CustomPopulation(**row).code for row in self.own_populations]
        return self._rules.shares([*Population, *own])

    @property
    def levels(self) -> Levels:
        """Of the standard populations; no query, after `with_rules`."""
        return {population: share.level for population, share in self._rules.shares().items()}

    @property
    def _rules(self) -> "Rules":
        if not hasattr(self, "rule_rows"):
            return Rules(SharingRule.objects.filter(partner=self))
        dated = (
            {**row, "ends_on": row["ends_on"] and date.fromisoformat(row["ends_on"])}
            for row in self.rule_rows
        )
        return Rules(SharingRule(**row) for row in dated)

    def forget_shares(self) -> None:
        """They are read anew from now on."""
        for known in ("shares", "rule_rows", "own_populations"):
            self.__dict__.pop(known, None)

    def shares_now(self) -> Shares:
        return Rules(SharingRule.objects.filter(partner=self)).shares(CustomPopulation.codes())

    @cached_property
    def their_shares(self) -> Shares:
        """What they share with us."""
        if not self.is_connected or self.connection is None:
            return shares_shown({})
        return shares_shown(self.connection.shown_by(self.connection.across_from(self.tenant_id)))

    @property
    def their_levels(self) -> Levels:
        return {population: share.level for population, share in self.their_shares.items()}

    @property
    def their_names(self) -> list[Population | Custom]:
        """Of these populations they show names."""
        return [name for name, level in self.their_levels.items() if level.shows_names]

    @property
    def is_connected(self) -> bool:
        return self.state in self.CONNECTED

    @property
    def shares_live_data(self) -> bool:
        """From a workspace of its own, and now."""
        return self.state == self.State.CONNECTED

    @property
    def is_paused_by_us(self) -> bool:
        return self.state == self.State.PAUSED and self.connection.paused_by == self.tenant_id

    @property
    def may_be_invited_again(self) -> bool:
        return self.state in (*self.PAST, self.State.OFFLINE)

    # -- acts: what is ours alone ---------------------------------------------------------------------------

    @transaction.atomic
    def change(self, *, by: Membership, **fields: Any) -> None:
        before = {name: getattr(self, name) for name in fields}
        changed = {name: value for name, value in fields.items() if value != before[name]}
        if not changed:
            return
        for name, value in changed.items():
            setattr(self, name, value)
        self.save(update_fields=list(changed))
        AuditEvent.record(
            Action.PARTNER_CHANGED,
            by=by,
            target=self,
            # Notes may hold anything: that they changed is enough.
            changes={
                name: "changed" if name == "notes" else [before[name], changed[name]] for name in changed
            },
        )

    @transaction.atomic
    def grant(self, grant: Grant, *, to: Membership, by: Membership) -> None:
        """One grant a person: a new one takes the place of the old. A viewer gets no more than to see.

        Raises ValueError where the role can't carry it.
        """
        if grant not in Grant.for_role(to.role):
            raise ValueError(f"{grant} is too much for a {to.role}.")
        before = self._grant_of(to)
        if before == grant.label:
            return
        self._drop_grants(to)
        assign_perm(grant.value, to.user, self)
        AuditEvent.record(Action.GRANT_GIVEN, by=by, target=self, changes={str(to): [before, grant.label]})

    @transaction.atomic
    def take_grant(self, *, of: Membership, by: Membership) -> None:
        if before := self._grant_of(of):
            self._drop_grants(of)
            AuditEvent.record(Action.GRANT_TAKEN, by=by, target=self, changes={str(of): [before, ""]})

    def _grant_of(self, member: Membership) -> str:
        held = PartnerGrant.objects.on(self).filter(user=member.user_id).select_related("permission")
        return ", ".join(row.grant.label for row in held)

    def _drop_grants(self, member: Membership) -> None:
        PartnerGrant.objects.on(self).filter(user=member.user_id).delete()
        self.known_grants.clear()
        self.__dict__.pop("colleagues", None)

    # -- acts on the connection: Connection first, then the partners, then the trails, in each of them ------

    @transaction.atomic
    def share(self, shares: Shares, *, seen: str, by: Membership | None) -> None:
        """Let the partner see this of these populations from now on; the others stay as they are.

        `seen`: the stamp of what the person was shown before deciding. Nobody: the clock. Raises Changed.
        """
        link = self.locked()
        before = self.shares_now()
        if by and stamp(before) != seen:
            raise self.Changed
        if not (changes := differences(before, shares)) and before == before | shares:
            return
        SharingRule.write(self, shares)
        self.tell_shares(link, by=by, changes=changes)

    @transaction.atomic
    def end_rules(self, *, today: date) -> None:
        """By the clock: what was shared until a day before this one is written as Hidden. Raises Changed."""
        link = self.locked()
        names = {name.value: name for name in CustomPopulation.codes()}
        rules = SharingRule.objects.filter(partner=self, ends_on__lt=today, population__in=names)
        before = {names[rule.population]: rule.written for rule in rules.exclude(level=Level.HIDDEN)}
        if before:
            after = {name: replace(share, level=Level.HIDDEN, until=None) for name, share in before.items()}
            SharingRule.write(self, after)
            self.tell_shares(link, by=None, changes=differences(before, after))

    def tell_shares(self, link: Connection | None, *, by: Membership | None, changes: dict[str, Any]) -> None:
        """The end of each act that wrote rules: published to the other side, and in both trails."""
        self.forget_shares()
        if link is None:
            AuditEvent.record(Action.SHARING_CHANGED, by=by, target=self, changes=changes)
        else:
            publish(link, self.shares, of=self.tenant_id, by=by)
            self.record_on_both_sides(Action.SHARING_CHANGED, by=by, changes=changes)

    def pause(self, *, by: Membership) -> None:
        """Nothing is shown to either side until we resume. Raises Connection.NotNow."""
        active = Q(state=Connection.State.ACTIVE)
        self._move(
            active, Action.CONNECTION_PAUSED, by=by, state=Connection.State.PAUSED, paused_by=self.tenant_id
        )

    def resume(self, *, by: Membership) -> None:
        """For the side that paused. Raises Connection.NotNow."""
        ours = Q(state=Connection.State.PAUSED, paused_by=self.tenant_id)
        self._move(ours, Action.CONNECTION_RESUMED, by=by, state=Connection.State.ACTIVE, paused_by=None)

    @transaction.atomic
    def end(self, *, by: Membership) -> None:
        """For good: what was shown is gone for both, and no rule stays. Raises Connection.NotNow."""
        alive = Q(state__in=[Connection.State.ACTIVE, Connection.State.PAUSED])
        over = {"state": Connection.State.ENDED, "ended_at": timezone.now()}
        self._move(alive, Action.CONNECTION_ENDED, by=by, **over)
        if self.connection.is_offline:
            self.connection.drop_list()

    @transaction.atomic
    def _move(self, condition: Q, action: Action, *, by: Membership, **fields: Any) -> None:
        # The WHERE is the lock: of two acts at one moment, the second finds another state.
        if not Connection.objects.filter(condition, pk=self.connection_id).update(**fields):
            raise Connection.NotNow
        self.__dict__.pop("connection", None)
        state = self.STATE_OF[fields["state"]]
        for side in (self.connection.inviter_id, self.connection.invitee_id):
            with tenant_context(side):
                Partner.objects.filter(connection_id=self.connection_id).update(state=state)
                if state == self.State.ENDED:
                    SharingRule.objects.filter(partner__connection_id=self.connection_id).delete()
        if state == self.State.ENDED:
            DataRequest.objects.open().filter(connection_id=self.connection_id).update(state="withdrawn")
        self.refresh_from_db(fields=["state"])
        self.record_on_both_sides(action, by=by)

    STATE_OF = {
        Connection.State.ACTIVE: State.CONNECTED,
        Connection.State.PAUSED: State.PAUSED,
        Connection.State.ENDED: State.ENDED,
    }

    def locked(self) -> Connection | None:
        """The connection, or else our own row, held until commit. Raises Changed."""
        if link := next(iter(Connection.locked([self.connection_id])), None):
            return link
        mine = Partner.objects.select_for_update(no_key=True).get(pk=self.pk)
        if mine.connection_id != self.connection_id:
            raise self.Changed
        return None

    def record_on_both_sides(
        self,
        action: Action,
        *,
        by: Membership | None,
        changes: dict[str, Any] | None = None,
        theirs: dict[str, Any] | None = None,
    ) -> None:
        """`theirs`: what stands in the other trail instead, where that may tell less."""
        record_both(action, {self: changes}, by=by, theirs=theirs)


def publish(link: Connection, shares: Shares, *, of: UUID, by: Membership | None) -> None:
    """The rules are written: tell the other side, and accept what it asked for and now gets."""
    link.publish({of: published(shares)})
    DataRequest.grant(link, shares, owner=of, by=by)


def record_both(
    action: Action,
    told: Mapping[Partner, dict[str, Any] | None],
    *,
    by: Membership | None,
    theirs: dict[str, Any] | None = None,
) -> None:
    """In our trail and in each partner's, which name their own records of each other.

    In one order of the trails, so that two acts can't wait for each other.
    """
    events = []
    for partner, changes in told.items():
        if partner.connection.is_offline:  # nobody reads the other trail
            events.append((partner.tenant_id, partner, changes, ""))
            continue
        across = partner.connection.across_from(partner.tenant_id)
        with tenant_context(across):
            record = Partner.objects.get(connection_id=partner.connection_id)
        events += [
            (partner.tenant_id, partner, changes, partner.name),
            (across, record, changes if theirs is None else theirs, record.name),
        ]
    for tenant_id, record, changes, other in sorted(events, key=lambda event: event[0]):
        with tenant_context(tenant_id):
            AuditEvent.record(action, by=by, target=record, changes=changes, also_in=other)
