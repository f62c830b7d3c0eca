"""The companies in a workspace's own list."""

from collections.abc import Iterable
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from overlaps import matching
from overlaps.keys import domain_key, keys_of
from partners.models import Population


class AccountQuerySet(TenantQuerySet):
    def found_by(self, text: str) -> Self:
        """Names that begin so, or the account of a domain. No index helps with it: see TENANCY, not leakproof."""
        same_domain = Q(domain_key=key) if (key := domain_key(text)) else Q(domain__istartswith=text)
        return self.filter(same_domain | Q(name__istartswith=text))

    def per_population(self) -> dict[str, int]:
        counted = self.order_by().values_list("population").annotate(accounts=Count("pk"))
        return dict.fromkeys(Population.values, 0) | dict(counted)

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
        indexes = [models.Index(fields=["tenant", "name", "id"], name="account_by_name")]

    def __str__(self) -> str:
        return self.name

    def take_keys(self) -> None:
        keys = keys_of(name=self.name, website=self.domain, country=self.country, number=self.company_number)
        for column, key in self.KEYS.items():
            setattr(self, column, getattr(keys, key))

    def save(self, **kwargs: Any) -> None:
        self.take_keys()
        super().save(**kwargs)

    @transaction.atomic
    def change(self, *, by: Membership, **values: Any) -> None:
        """Raises ChangedMeanwhile: the values are based on this instance as it was read."""
        before = {name: getattr(self, name) for name in self.EDITABLE}
        changes = {name: [before[name], new] for name, new in values.items() if before[name] != new}
        if not changes:
            return
        typed = dict.fromkeys(changes, str(by))
        for name, value in values.items():
            setattr(self, name, value)
        self.take_keys()
        keys = {column: getattr(self, column) for column in self.KEYS}
        written = values | keys | {"updated_at": timezone.now(), "origins": {**self.origins, **typed}}
        # The WHERE is the lock: of two who change it at one moment, the second finds another time.
        if not Account.objects.filter(pk=self.pk, updated_at=self.updated_at).update(**written):
            raise self.ChangedMeanwhile
        self.refresh_from_db()
        matching.refresh()
        AuditEvent.record(Action.ACCOUNT_CHANGED, by=by, target=self, changes=_without_contacts(changes))

    @transaction.atomic
    def remove(self, *, by: Membership) -> None:
        """Its overlaps go with it, on both sides."""
        gone, _ = self.delete()
        if gone:
            matching.refresh()
            AuditEvent.record(Action.ACCOUNT_DELETED, by=by, target=self)


def _without_contacts(changes: dict[str, list]) -> dict[str, Any]:
    """The trail outlives the person who asks to be forgotten: that a contact changed, not to whom."""
    contacts = {"contact_name", "contact_email"}
    return {name: "changed" if name in contacts else change for name, change in changes.items()}
