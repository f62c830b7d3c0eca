"""A file of accounts, from its arrival to the account list, and back."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.postgres.functions import RandomUUID
from django.db import models, transaction
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from core.roles import Permission, permissions_on
from core.tenancy import tenant_context
from overlaps.cells import Corrections
from overlaps.columns import Mapping
from partners import offline
from partners.models import Partner


def list_of(partner: Partner | None, *, by: Membership) -> AbstractContextManager[Any]:
    """The context of our own list, or of an offline partner's."""
    return offline.inside(partner, by=by) if partner else tenant_context(by.tenant_id, by=by)


class ImportQuerySet(TenantQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-created_at", "pk")

    def of(self, partner: Partner | None) -> Self:
        return self.filter(partner=partner)

    def visible_to(self, membership: Membership) -> Self:
        """Of our own list, and of offline partners that this person may see."""
        return self.filter(
            models.Q(partner=None) | models.Q(partner__in=Partner.objects.visible_to(membership))
        )

    def undecided(self) -> Self:
        return self.filter(state__in=Import.UNDECIDED)


class Import(TenantModel):
    """One file and what became of it. Its bytes and its staged rows are kept until it has ended.

    `partner`: the offline partner whose list it is, not ours. `revision` counts what people decided: a job that was
    queued for an older one does nothing.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Columns to be matched"
        MAPPED = "mapped", "Checking rows"
        CHECKED = "checked", "Checked"
        IMPORTING = "importing", "Importing"
        IMPORTED = "imported", "Imported"
        FAILED = "failed", "Failed"
        UNDOING = "undoing", "Being taken back"
        UNDONE = "undone", "Taken back"

    UNDECIDED = (State.UPLOADED, State.MAPPED, State.CHECKED)
    MAY_BE_UNDONE = timedelta(days=30)
    ABANDONED = timedelta(days=7)  # nothing decided for so long

    class NotNow(Exception):
        """It is in another state by now."""

    filename = models.CharField(max_length=200)
    size = models.PositiveIntegerField()
    partner = TenantForeignKey(Partner, null=True, blank=True, related_name="imports")
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    revision = models.PositiveIntegerField(default=0)
    # How it is read: what the person chose, or "" for what is found.
    encoding = models.CharField(max_length=40, blank=True)
    separator = models.CharField(max_length=4, blank=True)
    sheet = models.CharField(max_length=200, blank=True)
    # What it is: see overlaps/imports.py, `look`.
    facts = models.JSONField(default=dict)
    source_name = models.CharField(max_length=80, blank=True)
    source_id = models.UUIDField(null=True, blank=True)
    mapping = models.JSONField(default=dict)
    corrections = models.JSONField(default=dict)
    mark_gone = models.BooleanField(default=False)
    report = models.JSONField(default=dict)  # what checking came to
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    # Not a reference: the import outlives the membership, whose holder's name stands beside it.
    membership_id = models.UUIDField()
    by_name = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stamp = models.DateTimeField(null=True, blank=True)  # `updated_at` of the accounts that it wrote
    # Of the last decision: what nobody decides on is given up.
    decided_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.CharField(max_length=254, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    restored = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)  # edited since, and so not restored

    objects = TenantManager.from_queryset(ImportQuerySet)()

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "-created_at"], name="import_newest")]

    def __str__(self) -> str:
        return self.filename

    # -- questions ----------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self.state in {self.State.MAPPED, self.State.IMPORTING, self.State.UNDOING}

    @property
    def is_imported(self) -> bool:
        return self.state == self.State.IMPORTED

    @property
    def is_undecided(self) -> bool:
        return self.state in self.UNDECIDED

    @property
    def may_be_cancelled(self) -> bool:
        return self.is_undecided or self.state == self.State.IMPORTING

    @property
    def importable(self) -> int:
        """Rows that are taken, once it is checked."""
        return sum(self.report[name] for name in ("new", "changed", "same"))

    @property
    def may_be_undone(self) -> bool:
        recent = self.finished_at and self.finished_at > timezone.now() - self.MAY_BE_UNDONE
        return bool(self.is_imported and recent and self.has_list)

    @property
    def has_list(self) -> bool:
        """The list of an offline partner is dropped when that ends."""
        return self.partner is None or self.partner.state == Partner.State.OFFLINE

    @property
    def undone_until(self) -> datetime | None:
        return self.finished_at and self.finished_at + self.MAY_BE_UNDONE

    @property
    def header(self) -> list[str]:
        return self.facts["header"]

    @property
    def read_as(self) -> dict[str, str | None]:
        """For `overlaps.tables.read`."""
        return {
            "encoding": self.encoding or None,
            "separator": self.separator or None,
            "sheet": self.sheet or None,
        }

    @property
    def decided(self) -> Mapping:
        return Mapping.from_json(self.mapping)

    @property
    def corrected(self) -> Corrections:
        return Corrections.from_json(self.corrections) if self.corrections else Corrections()

    def list_at_hand(self, *, by: Membership) -> AbstractContextManager[Any]:
        """The context of the list that it goes into."""
        return list_of(self.partner, by=by)

    def may_be_handled_by(self, membership: Membership) -> bool:
        if self.partner_id is None:
            return Permission.EDIT_ACCOUNTS in membership.permissions
        return Permission.CONNECT_PARTNERS in permissions_on(self.partner, membership)

    def initiator(self) -> Membership | None:
        """Who decided last, if that person may import now."""
        there = {"pk": self.membership_id, "tenant__is_active": True, "user__is_active": True}
        membership = Membership.objects.active().filter(**there).select_related("user", "tenant").first()
        return membership if membership and self.may_be_handled_by(membership) else None

    def pieces(self) -> Iterator[bytes]:
        """The file, a part at a time, each in a look-up of its own: nothing holds all of it."""
        number = 0
        while data := self._part(number):
            yield data
            number += 1

    def _part(self, number: int) -> bytes:
        with tenant_context(self.tenant_id):
            found = (
                ImportPart.objects.filter(batch=self, number=number).values_list("data", flat=True).first()
            )
            return bytes(found or b"")

    # -- acts ---------------------------------------------------------------------------------------------------

    @classmethod
    @transaction.atomic
    def receive(
        cls, parts: Iterable[bytes], *, filename: str, partner: Partner | None, by: Membership, **found: Any
    ) -> Self:
        """Keep the file, and what `overlaps.imports.look` found in it."""
        batch = cls.objects.create(
            size=0,
            filename=filename[:200],
            partner=partner,
            membership_id=by.pk,
            by_name=str(by)[:254],
            **found,
        )
        for number, data in enumerate(parts):
            ImportPart.objects.create(batch=batch, number=number, data=data)
            batch.size += len(data)
        batch.save(update_fields=["size"])
        batch._tell(Action.IMPORT_STARTED, by=by)
        return batch

    def decide(self, *, by: Membership, state: State, **decided: Any) -> None:
        """What the person wants now: UPLOADED, columns are matched again; MAPPED, all rows checked. Raises NotNow."""
        self._move(self.UNDECIDED, state, by=by, rows_done=0, report={}, error="", **decided)

    def start(self, *, mark_gone: bool, by: Membership) -> None:
        """A job of the same transaction imports it. Raises NotNow."""
        self._move([self.State.CHECKED], self.State.IMPORTING, by=by, mark_gone=mark_gone)
        self._defer("run_import")

    def undo(self, *, by: Membership) -> None:
        """A job of the same transaction takes it back. Raises NotNow."""
        if not self.may_be_undone:
            raise self.NotNow
        self._move([self.State.IMPORTED], self.State.UNDOING, by=by, error="")
        self._defer("undo_import")

    def _move(self, before: Iterable[State], after: State, *, by: Membership, **values: Any) -> None:
        # The WHERE is the lock: of two who decide at one moment, the second finds another revision.
        found = Import.objects.filter(pk=self.pk, state__in=before, revision=self.revision)
        # Whoever decides answers for it: the job acts in this name.
        who = {"membership_id": by.pk, "decided_at": timezone.now()}
        if not found.update(state=after, revision=self.revision + 1, **who, **values):
            raise self.NotNow
        self.refresh_from_db()

    def _defer(self, task: str) -> None:
        from overlaps import tasks

        getattr(tasks, task).defer(tenant_id=str(self.tenant_id), import_id=str(self.pk))

    # -- what jobs come to ------------------------------------------------------------------------------------------

    def checked(self, report: dict[str, Any], **counts: int) -> None:
        """Raises NotNow: it was decided anew meanwhile."""
        self._come_to(self.State.MAPPED, state=self.State.CHECKED, report=report, **counts)

    def send_back(self, reason: str) -> None:
        """The file can't be read so: the person chooses once more. Raises NotNow."""
        self._come_to(self.State.MAPPED, state=self.State.UPLOADED, error=reason[:300])

    def finish(self, *, by: Membership, **results: Any) -> None:
        """The last statement of the transaction that wrote the accounts. Raises NotNow: it was cancelled meanwhile."""
        self._come_to(self.State.IMPORTING, state=self.State.IMPORTED, finished_at=timezone.now(), **results)
        self.parts.all().delete()
        counts = ("created", "updated", "unchanged", "gone", "rejected")
        self._tell(Action.IMPORT_DONE, by=by, **{name: getattr(self, name) for name in counts})

    def taken_back(self, *, by: Membership, restored: int, kept: int) -> None:
        """The last statement of the transaction that restored the accounts. Raises NotNow."""
        undone = {"undone_by": str(by)[:254], "undone_at": timezone.now(), "restored": restored, "kept": kept}
        self._come_to(self.State.UNDOING, state=self.State.UNDONE, **undone)
        self._tell(Action.IMPORT_UNDONE, by=by, restored=restored, kept=kept)

    @transaction.atomic
    def cancel(self, *, by: Membership) -> None:
        """Until it is in the list: what runs finds out, and leaves nothing. Raises NotNow."""
        self._end(f"{by} cancelled it.", state__in=[*self.UNDECIDED, self.State.IMPORTING])
        self._tell(Action.IMPORT_CANCELLED, by=by)

    @transaction.atomic
    def fail(self, error: str, *, by: Membership | None, at: State) -> None:
        """Raises NotNow: it is not there any more where it failed."""
        if at == self.State.UNDOING:
            self._come_to(at, state=self.State.IMPORTED, error=error[:300])
        else:
            self._end(error, state=at)
        self._tell(Action.IMPORT_FAILED, by=by, reason=self.error)

    def _end(self, error: str, **there: Any) -> None:
        ended = {"state": self.State.FAILED, "error": error[:300], "finished_at": timezone.now()}
        if not Import.objects.filter(pk=self.pk, **there).update(**ended):
            raise self.NotNow
        self.refresh_from_db()
        self.parts.all().delete()

    def _come_to(self, before: State, **values: Any) -> None:
        if not Import.objects.filter(pk=self.pk, state=before, revision=self.revision).update(**values):
            raise self.NotNow
        self.refresh_from_db()

    def _tell(self, action: Action, *, by: Membership | None, **changes: Any) -> None:
        whose = {"list of": str(self.partner)} if self.partner else {}
        AuditEvent.record(action, by=by, target=self, changes=whose | changes)


class ImportPart(TenantModel):
    batch = TenantForeignKey(Import, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "batch", "number"], name="import_part_once")]

    def __str__(self) -> str:
        return f"part {self.number}"


class ImportReject(TenantModel):
    """A row that is left out, as it stands in the file, and why."""

    batch = TenantForeignKey(Import, related_name="rejects")
    number = models.PositiveIntegerField()
    code = models.CharField(max_length=30, blank=True)  # a key of overlaps.cells.KINDS
    reason = models.CharField(max_length=300)
    cells = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "batch", "number"], name="import_reject_once")
        ]

    def __str__(self) -> str:
        return f"row {self.number}: {self.reason}"


class ImportChange(TenantModel):
    """An account as it was before an import changed it: in the list that the import went into."""

    batch_id = models.UUIDField()
    account_id = models.UUIDField()
    before = models.JSONField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "batch_id", "account_id"], name="import_change_once")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} before {self.batch_id}"


class StagedRow(models.Model):
    """A row of a file as it will come in, in the list that it goes into. A table that a crash may empty: then the file
    is read again."""

    pk = models.CompositePrimaryKey("tenant_id", "batch_id", "number")
    tenant_id = models.UUIDField()
    batch_id = models.UUIDField()
    number = models.IntegerField()
    record_id = models.TextField()
    name = models.TextField()
    domain = models.TextField()
    country = models.TextField()
    company_number = models.TextField()
    population = models.TextField()
    owner_name = models.TextField()
    owner_email = models.TextField()
    stage = models.TextField()
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.TextField()
    contact_name = models.TextField()
    contact_email = models.TextField()
    tags = models.JSONField(null=True)
    extra = models.JSONField(null=True)
    name_key = models.TextField()
    name_form = models.TextField()
    name_bits = models.SmallIntegerField()
    name_core = models.TextField()
    name_is_core = models.BooleanField()
    domain_key = models.TextField()
    names_domain = models.BooleanField()
    number_key = models.TextField()
    new_id = models.UUIDField(db_default=RandomUUID())  # of the account that it becomes, if it is none yet
    account_id = models.UUIDField(null=True)  # the account that it is, if there is one
    found_by = models.TextField(null=True)
    verdict = models.TextField(null=True)  # "changed", "same" or "twice"; none: a new account
    same_as = models.IntegerField(null=True)  # the first row of the same account

    def __str__(self) -> str:
        return f"row {self.number}"
