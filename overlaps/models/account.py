"""The companies in a workspace's own list."""

from collections.abc import Iterable, Mapping
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Collate, Lower
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from overlaps import matching
from overlaps.keys import keys_of
from partners.models import Population
from partners.models.sharing import EXTRA

CONTACTS = frozenset({"contact_name", "contact_email"})


class AccountQuerySet(TenantQuerySet):
    def open_to_matching(self) -> Self:
        return self.filter(is_private=False, gone_at=None)

    def bulk_create(self, objs: Iterable["Account"], *args: Any, **kwargs: Any) -> list["Account"]:
        objs = list(objs)
        for account in objs:
            account.take_keys()
        return super().bulk_create(objs, *args, **kwargs)


class Account(TenantModel):
    """A company in this workspace's own list."""

    EDITABLE = (
        "name",
        "domain",
        "country",
        "company_number",
        "population",
        "owner_name",
        "owner_email",
        "stage",
        "amount",
        "currency",
        "contact_name",
        "contact_email",
        "tags",
        "is_private",
    )
    # Column of the keys that are made of name, domain, country and company number, by their names in overlaps/keys.py.
    KEYS = {
        "name_key": "name",
        "name_form": "form",
        "name_bits": "bits",
        "name_core": "core",
        "name_is_core": "is_core",
        "domain_key": "domain",
        "names_domain": "names_domain",
        "number_key": "number",
    }

    class ChangedMeanwhile(Exception):
        """Somebody else, or an import, saved this account after it was read."""

    name = models.CharField(max_length=200)
    # Lists are sorted by it, and names found by their beginnings. Byte by byte, on every system.
    sort_name = models.GeneratedField(
        expression=Lower("name"),
        output_field=models.CharField(max_length=200, db_collation="C"),
        db_persist=True,
    )
    domain = models.CharField(max_length=253, blank=True)
    country = models.CharField(max_length=2, blank=True)
    company_number = models.CharField("company number", max_length=60, blank=True)
    # What lists are compared by: see overlaps/keys.py. A trigger follows them into `overlaps_matchkey`.
    name_key = models.CharField(max_length=400, blank=True, editable=False)
    name_form = models.CharField(max_length=60, blank=True, editable=False)
    name_bits = models.SmallIntegerField(default=0, editable=False)
    name_core = models.CharField(max_length=400, blank=True, editable=False)
    name_is_core = models.BooleanField(default=False, editable=False)
    domain_key = models.CharField(max_length=253, blank=True, editable=False)
    names_domain = models.BooleanField(default=False, editable=False)
    number_key = models.CharField(max_length=60, blank=True, editable=False)
    population = models.CharField(max_length=20, choices=Population, default=Population.PROSPECTS)
    # Codes of the populations of our own making that it is in; written by overlaps/populations.py.
    segments = ArrayField(models.CharField(max_length=20), default=list, blank=True, editable=False)
    owner_name = models.CharField("owner", max_length=200, blank=True)
    owner_email = models.EmailField("owner’s e-mail", blank=True)
    stage = models.CharField(max_length=100, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    contact_name = models.CharField("contact", max_length=200, blank=True)
    contact_email = models.EmailField("contact e-mail", blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    extra = models.JSONField("custom fields", default=dict, blank=True)  # name to text
    is_private = models.BooleanField("private", default=False)
    gone_at = models.DateTimeField(null=True, blank=True)  # no longer in the file of its source
    # The Source that its values come from; `origins` names the fields that have another one: a source, or who typed it.
    source_id = models.UUIDField(null=True, blank=True, editable=False)
    origins = models.JSONField(default=dict, blank=True)
    created_in = models.UUIDField(null=True, blank=True, editable=False)  # the import that made it
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantManager.from_queryset(AccountQuerySet)()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "sort_name", "id"], name="account_by_name"),
            models.Index(F("tenant"), Collate("name_key", "C"), name="account_by_key"),
            models.Index(
                fields=["tenant", "domain_key"], condition=~Q(domain_key=""), name="account_by_domain"
            ),
            models.Index(
                fields=["tenant", "number_key"], condition=~Q(number_key=""), name="account_by_number"
            ),
            # What the hygiene page asks about; few accounts.
            models.Index(
                fields=["tenant", "id"],
                condition=~Q(domain="") & Q(domain_key=""),
                name="account_strange_domain",
            ),
            models.Index(
                fields=["tenant", "id"],
                condition=~Q(company_number="") & Q(number_key=""),
                name="account_strange_number",
            ),
            models.Index(
                F("tenant"), F("amount").desc(nulls_last=True), F("id").desc(), name="account_by_amount"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def take_keys(self) -> None:
        keys = keys_of(name=self.name, website=self.domain, country=self.country, number=self.company_number)
        for column, key in self.KEYS.items():
            setattr(self, column, getattr(keys, key))

    def save(self, **kwargs: Any) -> None:
        self.take_keys()
        super().save(**kwargs)

    @classmethod
    @transaction.atomic
    def make(cls, *, by: Membership, **values: Any) -> Self:
        typed = {name: str(by) for name, value in values.items() if value not in ("", None, [], {}, False)}
        account = cls.objects.create(origins=typed, **values)
        matching.refresh()
        AuditEvent.record(Action.ACCOUNT_MADE, by=by, target=account)
        return account

    @transaction.atomic
    def change(self, *, by: Membership, **values: Any) -> None:
        """Raises ChangedMeanwhile: the values are based on this instance as it was read."""
        changes = {name: [old, new] for name, new in values.items() if (old := getattr(self, name)) != new}
        if not changes:
            return
        self._write(values, origins=self.origins | dict.fromkeys(changes, str(by)))
        matching.refresh()
        AuditEvent.record(Action.ACCOUNT_CHANGED, by=by, target=self, changes=_without_contacts(changes))

    @transaction.atomic
    def decide_population(self, population: str, *, by: Membership) -> None:
        """Where sources name several: a person's word counts, though it may change nothing. Raises ChangedMeanwhile."""
        before = self.population
        self._write({"population": population}, origins=self.origins | {"population": str(by)})
        matching.refresh()
        AuditEvent.record(
            Action.ACCOUNT_CHANGED, by=by, target=self, changes={"population": [before, population]}
        )

    def _write(self, values: dict[str, Any], *, origins: dict[str, str]) -> None:
        """Raises ChangedMeanwhile."""
        for name, value in values.items():
            setattr(self, name, value)
        self.take_keys()
        keys = {column: getattr(self, column) for column in self.KEYS}
        written = values | keys | {"updated_at": timezone.now(), "origins": origins}
        # The WHERE is the lock: of two who change it at one moment, the second finds another time.
        if not Account.objects.filter(pk=self.pk, updated_at=self.updated_at).update(**written):
            raise self.ChangedMeanwhile
        self.refresh_from_db()

    @classmethod
    @transaction.atomic
    def merge(cls, accounts: Iterable[Self], *, take: Mapping[str, Self], by: Membership) -> Self:
        """Of several that are one company, the oldest stays: it is known by its id. The others go.

        `take`: for a field, or "extra:" and the name of a custom one, the account whose value stays; where nothing is
        said, the oldest's. Tags, custom fields and sources of all come together, and what people said of any of them
        holds. Raises ChangedMeanwhile: someone is not as it was read.
        """
        accounts = list(accounts)
        now = cls.objects.select_for_update().filter(pk__in=[account.pk for account in accounts])
        if {(a.pk, a.updated_at) for a in now} != {(a.pk, a.updated_at) for a in accounts}:
            raise cls.ChangedMeanwhile
        keep, *gone = sorted(accounts, key=lambda account: (account.created_at, account.pk))
        values, origins = keep._united(gone, take)
        before = {name: getattr(keep, name) for name in values}
        keep._write(values, origins=origins)
        keep._take_over(gone)
        changes = {name: [old, values[name]] for name, old in before.items() if old != values[name]}
        was = {f"merged: {account.name}": account._said() for account in gone}
        AuditEvent.record(
            Action.ACCOUNTS_MERGED, by=by, target=keep, changes=_without_contacts(changes) | was
        )
        return keep

    def _united(self, others: list[Self], take: Mapping[str, Self]) -> tuple[dict[str, Any], dict[str, str]]:
        """Values and origins of this account and others as one."""
        every = [self, *others]
        extra = {name: text for account in reversed(every) for name, text in account.extra.items()}
        values: dict[str, Any] = {
            "tags": list(dict.fromkeys(tag for account in every for tag in account.tags)),
            "gone_at": None if any(account.gone_at is None for account in every) else self.gone_at,
        }
        origins = dict(self.origins)
        for name, account in take.items():
            if name.startswith(EXTRA):
                extra[name.removeprefix(EXTRA)] = account.extra[name.removeprefix(EXTRA)]
            else:
                values[name] = getattr(account, name)
            if account.pk != self.pk and (origin := account.origins.get(name) or account.source_id):
                origins[name] = str(origin)
        return values | {"extra": extra}, origins

    def _take_over(self, gone: list[Self]) -> None:
        """What hangs on accounts that are this one from now on, and then these accounts themselves."""
        from overlaps.models.apart import KeptApart
        from overlaps.models.source import AccountSource

        ids = [account.pk for account in gone]
        AccountSource.take_over(self, ids)
        KeptApart.take_over(self, ids)
        matching.merge_rulings(self.pk, ids)
        Account.objects.filter(pk__in=ids).delete()
        matching.refresh()
        tell_of_merge(self, ids)

    def _said(self) -> str:
        """For the trail, which keeps what a merge let go."""
        said = {name: getattr(self, name) for name in self.EDITABLE if name not in CONTACTS} | self.extra
        return "; ".join(
            f"{name}: {value}" for name, value in said.items() if value not in ("", None, [], False)
        )

    @transaction.atomic
    def remove(self, *, by: Membership) -> None:
        """Its overlaps go with it, on both sides."""
        gone, _ = self.delete()
        if gone:
            matching.refresh()
            AuditEvent.record(Action.ACCOUNT_DELETED, by=by, target=self)


def tell_of_merge(kept: Account, gone: list[UUID]) -> None:
    """Whoever else keeps ids of accounts: a job of a room to the right, called by its name."""
    from procrastinate.contrib.django import app

    tenant = str(kept.tenant_id)
    job = app.configure_task(
        "intros.follow_merge", lock=f"follow_merge:{tenant}"
    )  # one after another, in order
    job.defer(tenant_id=tenant, kept=str(kept.pk), gone=[str(pk) for pk in gone])


def _without_contacts(changes: dict[str, list]) -> dict[str, Any]:
    """The trail outlives the person who asks to be forgotten: that a contact changed, not to whom."""
    return {name: "changed" if name in CONTACTS else change for name, change in changes.items()}
