"""The companies in a workspace's own list."""

from typing import Any, Self

from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from overlaps import matching
from overlaps.keys import domain_key
from partners.models import Population


class AccountQuerySet(TenantQuerySet):
    def found_by(self, text: str) -> Self:
        """Names that begin so, or the account of a domain. No index helps with it: see TENANCY, not leakproof."""
        same_domain = Q(domain_key=key) if (key := domain_key(text)) else Q(domain__istartswith=text)
        return self.filter(same_domain | Q(name__istartswith=text))

    def per_population(self) -> dict[str, int]:
        counted = self.order_by().values_list("population").annotate(accounts=Count("pk"))
        return dict.fromkeys(Population.values, 0) | dict(counted)


class Account(TenantModel):
    """A company in this workspace's own list."""

    EDITABLE = (
        "name",
        "domain",
        "country",
        "population",
        "owner_name",
        "stage",
        "amount",
        "contact_name",
        "contact_email",
        "is_private",
    )

    class ChangedMeanwhile(Exception):
        """Somebody else, or an import, saved this account after it was read."""

    name = models.CharField(max_length=200)
    domain = models.CharField(max_length=253, blank=True)
    # Registrable domain, or "" where it says nothing: the column that is matched. See overlaps/keys.py.
    domain_key = models.CharField(max_length=253, blank=True, editable=False)
    country = models.CharField(max_length=2, blank=True)
    population = models.CharField(max_length=20, choices=Population, default=Population.PROSPECTS)
    owner_name = models.CharField("owner", max_length=200, blank=True)
    stage = models.CharField(max_length=100, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    contact_name = models.CharField("contact", max_length=200, blank=True)
    contact_email = models.EmailField("contact e-mail", blank=True)
    is_private = models.BooleanField("private", default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantManager.from_queryset(AccountQuerySet)()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "domain_key"], name="account_by_domain_key", include=["id", "population"]
            ),
            models.Index(fields=["tenant", "name", "id"], name="account_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        self.domain_key = domain_key(self.domain)
        super().save(**kwargs)

    @transaction.atomic
    def change(self, *, by: Membership, **values: Any) -> None:
        """Raises ChangedMeanwhile: the values are based on this instance as it was read."""
        before = {name: getattr(self, name) for name in self.EDITABLE}
        changes = {name: [before[name], new] for name, new in values.items() if before[name] != new}
        if not changes:
            return
        values |= {"domain_key": domain_key(values.get("domain", self.domain)), "updated_at": timezone.now()}
        # The WHERE is the lock: of two who change it at one moment, the second finds another time.
        if not Account.objects.filter(pk=self.pk, updated_at=self.updated_at).update(**values):
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
