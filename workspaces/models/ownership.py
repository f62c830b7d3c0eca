from datetime import timedelta

from django.db import models
from django.utils import timezone

from core import mail
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from core.roles import Role


class OwnershipOfferQuerySet(TenantQuerySet):
    def open(self) -> "OwnershipOfferQuerySet":
        return self.filter(offered_at__gt=timezone.now() - OwnershipOffer.LIFE).select_related(
            "offered_by__user", "offered_to__user"
        )


class OwnershipOffer(TenantModel):
    """An owner would like somebody else to be it. One at a time; the row is gone when it is answered."""

    LIFE = timedelta(days=7)

    offered_by = TenantForeignKey(Membership, related_name="+")
    offered_to = TenantForeignKey(Membership, related_name="+")
    offered_at = models.DateTimeField()

    objects = TenantManager.from_queryset(OwnershipOfferQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="ownership_offer_once")]

    def __str__(self) -> str:
        return f"ownership for {self.offered_to}"

    @property
    def is_alive(self) -> bool:
        return (
            self.offered_by.is_active
            and self.offered_by.role == Role.OWNER
            and self.offered_to.is_active
            and self.offered_at > timezone.now() - self.LIFE
        )

    def deliver(self) -> None:
        if self.is_alive:
            words = {
                "owner": self.offered_by.user,
                "workspace": self.offered_by.tenant,
                "slug": self.offered_by.tenant.slug,
                "until": self.offered_at + self.LIFE,
            }
            mail.send("ownership_offered", self.offered_to.user.email, words)
