from hashlib import sha256

from django.db import models

from core.models import Membership, TenantModel
from workspaces import profile
from workspaces.turns import turn


class WorkspaceLogo(TenantModel):
    """The one picture of a workspace, as `workspaces.images` drew it; served to its members only."""

    version = models.CharField(max_length=16)
    png = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="logo_once")]

    def __str__(self) -> str:
        return self.version

    @classmethod
    def put(cls, png: bytes, *, by: Membership) -> None:
        """Raises PermissionDenied."""
        with turn(by):
            version = sha256(png).hexdigest()[:16]
            cls.objects.update_or_create(defaults={"version": version, "png": png})
            profile.show_logo(by.tenant, version, by=by)

    @classmethod
    def remove(cls, *, by: Membership) -> None:
        """Raises PermissionDenied."""
        with turn(by):
            cls.objects.all().delete()
            profile.show_logo(by.tenant, "", by=by)
