"""Accounts, their imports, and the overlaps with partners."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import TenantModel
from partners.models import Partner, Population


class AccountQuerySet(TenantQuerySet):
    pass


class Account(TenantModel):
    """A company in this workspace's own list."""

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


class OverlapQuerySet(TenantQuerySet):
    pass


class Overlap(TenantModel):
    """What the viewer (`tenant`) may know of one account of a partner: the disclosed fields, nothing else.

    Written by the match role only. `account` is the viewer's own; None where the partner shares all accounts and
    the viewer has no such one (greenfield).
    """

    partner = TenantForeignKey(Partner)
    account = TenantForeignKey(Account, null=True, blank=True, related_name="overlaps")
    their_account_id = models.UUIDField()
    my_population = models.CharField(max_length=20, choices=Population, blank=True)
    their_population = models.CharField(max_length=20, choices=Population)
    name = models.CharField(max_length=200)  # theirs
    domain = models.CharField(max_length=253, blank=True)
    country = models.CharField(max_length=2, blank=True)
    owner_name = models.CharField(max_length=200, blank=True)
    rule = models.CharField(max_length=20, default="domain")  # why the two are one company
    key = models.CharField(max_length=253, blank=True)  # the normalised value that is equal on both sides
    version = models.PositiveIntegerField()  # of the partner's sharing, see Connection
    found_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager.from_queryset(OverlapQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner", "account", "their_account_id"],
                name="overlap_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "partner", "my_population", "their_population"], name="overlap_by_cell"
            ),
            models.Index(fields=["tenant", "name", "id"], name="overlap_by_name"),
            models.Index(fields=["tenant", "account"], name="overlap_by_account"),
        ]

    def __str__(self) -> str:
        return self.name


class OverlapCount(TenantModel):
    """A matrix cell that is shared as a count: frozen for a day, rounded down to fives, 0 meaning "under 5"."""

    partner = TenantForeignKey(Partner)
    my_population = models.CharField(max_length=20, choices=Population)
    their_population = models.CharField(max_length=20, choices=Population)
    accounts = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    taken_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner", "my_population", "their_population"], name="overlap_count_once"
            )
        ]
