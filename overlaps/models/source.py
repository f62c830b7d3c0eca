"""Where account lists come from, and which account each of them speaks of."""

from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import TenantModel
from overlaps.columns import Mapping, fingerprint
from overlaps.models.account import Account
from partners.models import Population


class SourceQuerySet(TenantQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-used_at", "pk")


class Source(TenantModel):
    """A system that files come from again and again: how its columns are matched is remembered here."""

    MOST_HEADERS = 20

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)  # as overlaps.columns recognises it: "HubSpot", "file"
    headers = ArrayField(models.CharField(max_length=64), default=list)  # fingerprints, the latest first
    mapping = models.JSONField(default=dict)  # the last one, see overlaps.columns.Mapping
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(default=timezone.now)

    objects = TenantManager.from_queryset(SourceQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="source_name")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def take(cls, name: str, *, kind: str, header: list[str], mapping: Mapping) -> Self:
        """The source of this name, which remembers from now on that columns so called are matched so."""
        source, _ = cls.objects.get_or_create(name=name, defaults={"kind": kind})
        seen = fingerprint(header)
        source.headers = [seen, *(one for one in source.headers if one != seen)][: cls.MOST_HEADERS]
        source.kind, source.mapping, source.used_at = kind, mapping.as_json(), timezone.now()
        source.save(update_fields=["kind", "headers", "mapping", "used_at"])
        return source


class AccountSource(TenantModel):
    """An account as one source has it. Of accounts that were merged, it has several."""

    account = TenantForeignKey(Account, related_name="sources")
    source = TenantForeignKey(Source, related_name="+")
    record_id = models.CharField(max_length=100, blank=True)  # what the source calls it
    population = models.CharField(max_length=20, choices=Population, blank=True)
    created_in = models.UUIDField()  # the import that brought it

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "source", "record_id"], name="account_source_once"
            )
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
        """What sources say of accounts that are one from now on, so that the next file finds it by each record."""
        known = set(cls.objects.filter(account=keep).values_list("source_id", "record_id"))
        moved = []
        others = cls.objects.filter(account__in=gone).order_by("pk")
        for pk, *record in others.values_list("pk", "source_id", "record_id"):
            if tuple(record) not in known:
                known.add(tuple(record))
                moved.append(pk)
        cls.objects.filter(pk__in=moved).update(account=keep)
