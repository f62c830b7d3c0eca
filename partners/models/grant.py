"""What a person may do on one partner beyond the role: guardian's grants, kept inside the workspace."""

from typing import Self

from django.db import models
from guardian.managers import UserObjectPermissionManager
from guardian.models import UserObjectPermissionBase

from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Tenant, TenantModel, User
from core.roles import Role


class Grant(models.TextChoices):
    """Codename of the permission that guardian keeps, and our word for it."""

    MANAGER = "manage_partner", "Manager"
    CONTRIBUTOR = "contribute_to_partner", "Contributor"
    VIEWER = "view_partner_restricted", "Viewer"

    @classmethod
    def for_role(cls, role: str) -> list["Grant"]:
        """A viewer of the workspace stays one."""
        return [cls.VIEWER] if role == Role.VIEWER else list(cls)


class PartnerGrantQuerySet(TenantQuerySet):
    def on(self, partner: models.Model) -> Self:
        return self.filter(content_object=partner)


class PartnerGrantManager(TenantManager.from_queryset(PartnerGrantQuerySet), UserObjectPermissionManager):
    """The tenant's rows, with what guardian's shortcuts ask of a manager."""


class PartnerGrant(UserObjectPermissionBase, TenantModel):
    """A guardian grant on one partner. It goes with the partner and with the membership: the database sees to it."""

    tenant = models.ForeignKey(Tenant, models.DO_NOTHING, related_name="+", editable=False, db_index=False)
    user = models.ForeignKey(User, models.DO_NOTHING, related_name="+")
    # guardian asks for permissions through this name.
    permission = models.ForeignKey("auth.Permission", models.DO_NOTHING, related_name="partner_grants")
    content_object = TenantForeignKey("partners.Partner")

    objects = PartnerGrantManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "permission", "content_object"], name="grant_once"
            )
        ]

    @property
    def grant(self) -> Grant:
        return Grant(self.permission.codename)
