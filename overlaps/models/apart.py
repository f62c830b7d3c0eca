"""Accounts of ours that look like one company, and are two."""

from collections.abc import Iterable
from itertools import combinations
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, Q

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.models import Membership, TenantModel
from overlaps.models.account import Account


class KeptApart(TenantModel):
    """Somebody said that they are two: the hygiene page does not propose them again."""

    one = TenantForeignKey(Account, related_name="+")  # the lesser id
    other = TenantForeignKey(Account, related_name="+")
    by_name = models.CharField(max_length=254)
    at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "one", "other"], name="kept_apart_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="kept_apart_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.one_id} and {self.other_id}"

    @classmethod
    @transaction.atomic
    def say(cls, accounts: Iterable[Account], *, by: Membership) -> None:
        """Of each two of them."""
        accounts = sorted(accounts, key=lambda account: account.pk)
        pairs = [cls(one=one, other=other, by_name=str(by)) for one, other in combinations(accounts, 2)]
        cls.objects.bulk_create(pairs, ignore_conflicts=True)
        names = sorted(account.name for account in accounts)
        AuditEvent.record(
            Action.ACCOUNTS_KEPT_APART, by=by, target=by.tenant, changes={"accounts": ", ".join(names)}
        )

    @classmethod
    def take_over(cls, keep: Account, gone: list[UUID]) -> None:
        """Who was kept apart from one that goes is kept apart from the one that stays."""
        of_gone = cls.objects.filter(Q(one__in=gone) | Q(other__in=gone)).values_list("one_id", "other_id")
        strangers = {pk for pair in of_gone for pk in pair} - {keep.pk, *gone}
        pairs = [cls(one_id=min(keep.pk, pk), other_id=max(keep.pk, pk)) for pk in strangers]
        cls.objects.bulk_create(pairs, ignore_conflicts=True)
