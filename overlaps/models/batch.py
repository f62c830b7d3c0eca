"""A file of accounts, from its arrival to the account list."""

from collections.abc import Iterator
from typing import Any, Self

from django.db import models, transaction
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from core.roles import Permission
from partners.models import Population

PART = 1024 * 1024


class ImportQuerySet(TenantQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-created_at", "pk")


class Import(TenantModel):
    """One file and what became of it. Its bytes are kept in parts until the import has ended."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Waiting"
        IMPORTING = "importing", "Importing"
        IMPORTED = "imported", "Imported"
        FAILED = "failed", "Failed"

    filename = models.CharField(max_length=200)
    size = models.PositiveIntegerField()
    # What accounts become whose row says nothing of it.
    population = models.CharField(max_length=20, choices=Population, default=Population.PROSPECTS)
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    read_as = models.CharField(max_length=100)  # encoding and separator, in words
    header = models.JSONField(default=list)  # of the file, as it is
    columns = models.JSONField(default=list)  # for each of the header the field that it fills, or ""
    notes = models.JSONField(default=list)  # sentences on what was found on the way
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    # Not a reference: the import outlives the membership, whose holder's name stands beside it.
    membership_id = models.UUIDField()
    by_name = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager.from_queryset(ImportQuerySet)()

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "-created_at"], name="import_newest")]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_running(self) -> bool:
        return self.state in {self.State.UPLOADED, self.State.IMPORTING}

    @property
    def is_imported(self) -> bool:
        return self.state == self.State.IMPORTED

    @property
    def matched_columns(self) -> Iterator[tuple[str, str]]:
        return zip(self.header, self.columns, strict=True)

    @classmethod
    @transaction.atomic
    def start(cls, *, data: bytes, by: Membership, **fields: Any) -> Self:
        """Keep the file; a job of the same transaction imports it."""
        from overlaps.tasks import run_import

        batch = cls.objects.create(size=len(data), membership_id=by.pk, by_name=str(by)[:254], **fields)
        ImportPart.objects.bulk_create(
            ImportPart(batch=batch, number=number, data=data[start : start + PART])
            for number, start in enumerate(range(0, len(data), PART))
        )
        AuditEvent.record(Action.IMPORT_STARTED, by=by, target=batch, changes={"rows": batch.rows_total})
        run_import.defer(tenant_id=str(batch.tenant_id), import_id=str(batch.pk))
        return batch

    def initiator(self) -> Membership | None:
        """Who started it, if that person may import now."""
        there = {"pk": self.membership_id, "tenant__is_active": True, "user__is_active": True}
        membership = Membership.objects.active().filter(**there).select_related("user").first()
        return membership if membership and Permission.EDIT_ACCOUNTS in membership.permissions else None

    def bytes(self) -> bytes:
        return b"".join(self.parts.order_by("number").values_list("data", flat=True))

    def begin(self) -> bool:
        """False if it has come to its end before: a job may be run twice."""
        return bool(
            Import.objects.filter(pk=self.pk, state__in=["uploaded", "importing"]).update(state="importing")
        )

    def finish(self, *, by: Membership, **results: Any) -> None:
        self._end(state=self.State.IMPORTED, **results)
        counts = ("created", "updated", "unchanged", "rejected")
        AuditEvent.record(
            Action.IMPORT_DONE, by=by, target=self, changes={n: getattr(self, n) for n in counts}
        )

    @transaction.atomic
    def fail(self, error: str, *, by: Membership | None) -> None:
        self._end(state=self.State.FAILED, error=error[:300])
        AuditEvent.record(Action.IMPORT_FAILED, by=by, target=self, changes={"reason": self.error})

    def _end(self, **values: Any) -> None:
        for name, value in {**values, "finished_at": timezone.now()}.items():
            setattr(self, name, value)
        self.save(update_fields=[*values, "finished_at"])
        self.parts.all().delete()


class ImportPart(TenantModel):
    batch = TenantForeignKey(Import, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "batch", "number"], name="import_part_once")]

    def __str__(self) -> str:
        return f"part {self.number}"


class ImportReject(TenantModel):
    """A row that was left out, as it stood in the file, and why."""

    batch = TenantForeignKey(Import, related_name="rejects")
    number = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    cells = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "batch", "number"], name="import_reject_once")
        ]

    def __str__(self) -> str:
        return f"row {self.number}: {self.reason}"
