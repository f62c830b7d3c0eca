"""Where account lists come from, and which account each of them speaks of."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.fields import TenantForeignKey
from core.models import TenantModel
from overlaps.models.account import Account
from partners.models import Population


class Source(TenantModel):
    """A system that files come from again and again: how its columns are matched is remembered here.

    `partner_id`: of the offline partner whose list its files are.
    """

    name = models.CharField(max_length=80)
    kind = models.CharField(
        max_length=20
    )  # as overlaps.columns recognises it: "hubspot", "salesforce", "file"
    headers = ArrayField(models.CharField(max_length=64), default=list)  # fingerprints that were seen
    mapping = models.JSONField(default=dict)  # the last one, see overlaps.columns.Mapping
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="source_name")]

    def __str__(self) -> str:
        return self.name


class AccountSource(TenantModel):
    """An account as one source has it."""

    account = TenantForeignKey(Account, related_name="sources")
    source = TenantForeignKey(Source, related_name="+")
    record_id = models.CharField(max_length=100, blank=True)  # what the source calls it
    population = models.CharField(max_length=20, choices=Population, blank=True)
    seen_in = models.UUIDField()  # the last import of the source that had it

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "source"], name="account_source_once")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "source", "record_id"],
                condition=~models.Q(record_id=""),
                name="account_by_record",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source_id}: {self.record_id}"

    @classmethod
    def take_over(cls, keep: Account, gone: list[UUID]) -> None:
        """What sources say of accounts that are one from now on. Of one source, what it says of the one that stays."""
        known = set(cls.objects.filter(account=keep).values_list("source_id", flat=True))
        moved = []
        for pk, source in cls.objects.filter(account__in=gone).order_by("pk").values_list("pk", "source_id"):
            if source not in known:
                known.add(source)
                moved.append(pk)
        cls.objects.filter(pk__in=moved).update(account=keep)
