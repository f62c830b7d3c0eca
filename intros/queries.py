"""What is asked about intros: who sees them, whose turn it is, in which order."""

from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Window
from django.db.models.functions import RowNumber

from core.managers import TwoSidedManager
from core.models import Membership, Tenant
from core.roles import Permission
from core.tenancy import current_tenant_id
from intros.moves import IN_FLIGHT, State
from overlaps.models import Account, Overlap
from partners.models import Connection, Partner

if TYPE_CHECKING:
    from intros.models import Intro  # noqa: F401

# The intro names the record that each side has of the other; only one of them is in the workspace at hand.
OWN_PARTNER = [OuterRef("requester_partner"), OuterRef("receiver_partner")]


class IntroQuerySet(models.QuerySet["Intro"]):
    def asked_by(self, tenant: Tenant) -> Self:
        return self.filter(requester=tenant)

    def received_by(self, tenant: Tenant) -> Self:
        return self.filter(receiver=tenant)

    def visible_to(self, membership: Membership) -> Self:
        """Intros with a restricted partner are for those who see that partner."""
        return self.filter(Exists(Partner.objects.visible_to(membership).filter(pk__in=OWN_PARTNER)))

    def with_partner(self) -> Self:
        """`partner_id`, `partner_name`, `connection_state`: our own record of the other side."""
        partner = Partner.objects.filter(pk__in=OWN_PARTNER)
        link = Connection.objects.filter(pk=OuterRef("connection_id"))
        return self.annotate(
            partner_id=Subquery(partner.values("pk")[:1]),
            partner_name=Subquery(partner.values("name")[:1]),
            connection_state=Subquery(link.values("state")[:1]),
        )

    def with_record(self, partner: Partner) -> Self:
        return self.filter(Q(requester_partner=partner.pk) | Q(receiver_partner=partner.pk))

    def about(self, account: Account) -> Self:
        """Both directions."""
        return self.filter(
            Q(requester=account.tenant_id, requester_account=account.pk)
            | Q(receiver=account.tenant_id, receiver_account=account.pk)
        )

    def follow_merge(self, tenant_id: UUID, *, kept: UUID, gone: list[UUID]) -> None:
        """Accounts of this workspace became one: whichever side it is on."""
        for side in ("requester", "receiver"):
            theirs = self.filter(**{side: tenant_id, f"{side}_account__in": gone})
            theirs.update(**{f"{side}_account": kept})

    def in_flight(self) -> Self:
        return self.filter(state__in=IN_FLIGHT)

    def unfinished_like(self, overlap: Overlap) -> Self:
        """Our own about this account with this partner."""
        unfinished = self.filter(state__in={State.DRAFT, *IN_FLIGHT}, requester=overlap.tenant_id)
        return unfinished.filter(
            requester_partner=overlap.partner_id, receiver_account=overlap.their_account_id
        )

    def matching(self, words: str) -> Self:
        return self.filter(
            Q(company__icontains=words)
            | Q(domain__icontains=words)
            | Q(requester_name__icontains=words)
            | Q(receiver_name__icontains=words)
        )

    def newest_first(self) -> Self:
        return self.order_by("-moved_at", "pk")

    def newest_of_each_state(self, number: int) -> Self:
        """With `in_state`: how many there are of its state in all."""
        order = [F("moved_at").desc(), F("pk").asc()]
        place = Window(RowNumber(), partition_by=F("state"), order_by=order)
        in_state = Window(models.Count("pk"), partition_by=F("state"))
        return self.annotate(place=place, in_state=in_state).filter(place__lte=number).newest_first()

    def waiting_for(self, membership: Membership) -> Self:
        """Requests that this person may answer."""
        if Permission.ANSWER_INTROS not in membership.permissions:
            return self.none()
        return self.visible_to(membership).received_by(membership.tenant).filter(state=State.REQUESTED)


class IntroManager(TwoSidedManager.from_queryset(IntroQuerySet)):
    def get_queryset(self) -> IntroQuerySet:
        return super().get_queryset().filter(Q(requester=current_tenant_id()) | ~Q(state=State.DRAFT))
