"""What holds for several partners at once: the workspace's defaults, and named sets of fields."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership, TenantModel
from partners.models.connection import Connection
from partners.models.partner import Partner, publish, record_both
from partners.models.sharing import (
    PRESETS,
    Custom,
    CustomPopulation,
    Population,
    Rule,
    Rules,
    Shares,
    SharingRule,
    differences,
    field_label,
    stamp,
)


class SharingDefault(Rule):
    """What every partner sees of a population for which it has no rule of its own."""

    class Meta(Rule.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "population"], name="sharing_default_once")]

    @classmethod
    def shares(cls, populations: Iterable[Population | Custom] | None = None) -> Shares:
        """Of all populations; they cost no query where the caller knows them."""
        return Rules(cls.objects.all()).shares(populations or CustomPopulation.codes())

    @classmethod
    def for_new(cls) -> Shares:
        """What a partner sees at first, where nothing else is chosen."""
        return {population: replace(share, follows=True) for population, share in cls.shares().items()}

    @classmethod
    @transaction.atomic
    def change(cls, shares: Shares, *, seen: str, by: Membership) -> None:
        """And with it what each partner sees that follows them. Raises Partner.Changed."""
        before = cls.shares()
        if stamp(before) != seen:
            raise Partner.Changed
        if not (changes := differences(before, shares)):
            return
        cls.objects.bulk_create(
            [cls.row(population, share) for population, share in shares.items()],
            update_conflicts=True,
            unique_fields=["tenant", "population"],
            update_fields=cls.WRITTEN,
        )
        followed = {population: replace(share, follows=True) for population, share in shares.items()}
        spread(lambda now: {p: s for p, s in followed.items() if follows(now, p)}, by=by)
        AuditEvent.record(Action.SHARING_DEFAULTS_CHANGED, by=by, target=by.tenant, changes=changes)


def follows(rules: Rules, population: str) -> bool:
    """No rule of its own: that partner sees what the default says."""
    return population not in rules or rules[population].follows_default


def spread(change: Callable[[Rules], Shares], *, by: Membership | None, again: bool = False) -> None:
    """Write rules of all partners that are not past: what `change` answers to the rules that each has now.

    `again`: tell them, though the rules are the same.
    Connections first, in one order, then the rules, then the trails, in one order: as each act on a connection does.
    """
    partners = list(Partner.objects.exclude(state__in=Partner.PAST).order_by("connection_id"))
    links = {c.pk: c for c in Connection.locked(partner.connection_id for partner in partners)}
    told = {}
    for partner in partners:
        rules = Rules(SharingRule.objects.filter(partner=partner))
        before, wanted = rules.shares(CustomPopulation.codes()), change(rules)
        if before | wanted == before and not (again and wanted):
            continue
        SharingRule.write(partner, wanted)
        if link := links.get(partner.connection_id):
            publish(link, before | wanted, of=partner.tenant_id, by=by)
            told[partner] = differences(before, wanted)
    record_both(Action.SHARING_CHANGED, {p: changes for p, changes in told.items() if changes}, by=by)


class FieldPreset(TenantModel):
    """A named set of fields that are shown beside a name. Three more are built in: `PRESETS`."""

    class InUse(Exception):
        """A rule or a default names it."""

    name = models.CharField(max_length=60)
    fields = ArrayField(models.CharField(max_length=80), default=list)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="field_preset_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def labels(self) -> list[str]:
        return list(map(field_label, self.fields))

    @classmethod
    def choices(cls) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Code to (name, fields): those built in, then the workspace's own."""
        own = {str(preset.pk): (preset.name, tuple(preset.fields)) for preset in cls.objects.order_by("name")}
        return PRESETS | own

    @classmethod
    @transaction.atomic
    def make(cls, *, name: str, fields: Iterable[str], by: Membership) -> Self:
        preset = cls.objects.create(name=name, fields=list(fields))
        AuditEvent.record(
            Action.PRESET_MADE,
            by=by,
            target=preset,
            changes={"fields": list(map(field_label, preset.fields))},
        )
        return preset

    @transaction.atomic
    def change(self, *, name: str, fields: Iterable[str], by: Membership) -> None:
        """And with it what each partner sees whose rules name this preset."""
        before = (self.name, self.fields)
        self.name, self.fields = name, list(fields)
        changes = _changes(before, (self.name, self.fields))
        if not changes:
            return
        self.save(update_fields=["name", "fields"])
        code = str(self.pk)
        SharingDefault.objects.filter(preset=code).update(fields=self.fields)
        spread(self.renewed, by=by)
        AuditEvent.record(Action.PRESET_CHANGED, by=by, target=self, changes=changes)

    def renewed(self, rules: Rules) -> Shares:
        """Those of these rules that name it, with its fields of now."""
        shares = rules.shares(CustomPopulation.codes())
        named = {p: s for p, s in shares.items() if s.preset == str(self.pk)}
        return {p: replace(s, fields=tuple(self.fields)) for p, s in named.items()}

    @transaction.atomic
    def remove(self, *, by: Membership) -> None:
        """Raises InUse."""
        code = str(self.pk)
        if any(kind.objects.filter(preset=code).exists() for kind in (SharingRule, SharingDefault)):
            raise self.InUse
        self.delete()
        AuditEvent.record(Action.PRESET_REMOVED, by=by, target=self)


def _changes(before: tuple[str, list[str]], after: tuple[str, list[str]]) -> dict[str, Any]:
    said = {"name": [before[0], after[0]]}
    said["fields"] = [list(map(field_label, fields)) for fields in (before[1], after[1])]
    return {key: pair for key, pair in said.items() if pair[0] != pair[1]}
