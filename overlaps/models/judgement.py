"""What may be one company too, and what people say of it."""

from typing import Any, Self

from django.db import models, transaction

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.managers import TenantManager
from core.models import Membership, TenantModel
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models.account import Account
from overlaps.models.overlap import MatchRule, Overlap, VisibleQuerySet
from partners.models import Partner


class Suggestion(TenantModel):
    """One of our accounts that may be one of a partner's too: that, and nothing of theirs.

    Written by the match role, where both sides allow suggestions and show each other names. It becomes an overlap when
    both confirm it. The id says nothing of the other account.
    """

    partner = TenantForeignKey(Partner)
    account = TenantForeignKey(Account, related_name="suggestions")
    rule = models.CharField(max_length=20, choices=MatchRule)
    confidence = models.SmallIntegerField()  # percent
    we_say = models.SmallIntegerField(default=0)  # 1: we confirmed it, and wait for them
    version = models.PositiveIntegerField()
    until = models.DateField(null=True)
    found_at = models.DateTimeField()

    objects = TenantManager.from_queryset(VisibleQuerySet)()

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "account"], name="suggestion_by_account")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.rule}"

    def confirm(self, *, by: Membership) -> "Verdict":
        return Verdict.of_suggestion(self, matching.SAME, by=by)

    def reject(self, *, by: Membership) -> "Verdict":
        return Verdict.of_suggestion(self, matching.NOT_THE_SAME, by=by)


class Verdict(TenantModel):
    """What somebody of this workspace said of a pair. It can be taken back."""

    class Reason(models.TextChoices):
        OTHER_COMPANY = "other_company", "Another company"
        PARENT = "parent", "Parent or subsidiary, to be kept apart"
        WRONG_DATA = "wrong_data", "Our data was wrong"
        OTHER = "other", "Other"

    partner = TenantForeignKey(Partner, related_name="verdicts")
    pair = models.UUIDField()  # see `overlaps_pair_of`
    account_id = models.UUIDField()
    account_name = models.CharField(max_length=200)
    their_name = models.CharField(max_length=200, blank=True)  # as it was shown then
    says = models.SmallIntegerField()
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    note = models.CharField(max_length=280, blank=True)
    by_name = models.CharField(max_length=254)
    at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "pair"], name="verdict_once")]
        indexes = [models.Index(fields=["tenant", "-at"], name="verdict_newest")]

    def __str__(self) -> str:
        return f"{self.account_name} × {self.their_name or 'a suggestion'}"

    @property
    def is_veto(self) -> bool:
        return self.says == matching.NOT_THE_SAME

    @classmethod
    @transaction.atomic
    def veto(cls, overlap: Overlap, *, reason: str, note: str = "", by: Membership) -> Self:
        """The two are not one company: gone for both sides at once, and for good, until we take it back.

        Raises matching.NotThere.
        """
        account = overlap.account
        if account is None:
            raise matching.NotThere
        is_seen = cls._is_seen_there(overlap, account)
        pair = matching.judge(overlap.pk, matching.NOT_THE_SAME, by=by)
        verdict = cls._of(
            overlap.partner,
            pair,
            account,
            says=matching.NOT_THE_SAME,
            their_name=overlap.name,
            reason=reason,
            note=note,
            by=by,
        )
        changes = {"account": account.name, "partner's account": overlap.name, "reason": reason}
        cls._tell(Action.MATCH_REJECTED, overlap, changes, is_seen=is_seen, by=by)
        return verdict

    @classmethod
    @transaction.atomic
    def match(cls, overlap: Overlap, account: Account, *, by: Membership) -> Self:
        """An account that a partner shows us, and that we have under another name. Raises matching.NotThere."""
        pair = matching.match_by_hand(overlap.pk, account.pk, by=by)
        verdict = cls._of(
            overlap.partner, pair, account, says=matching.BY_HAND, their_name=overlap.name, by=by
        )
        changes = {"account": account.name, "partner's account": overlap.name}
        is_seen = cls._is_seen_there(overlap, account)
        cls._tell(Action.MATCH_MADE, overlap, changes, is_seen=is_seen, by=by)
        return verdict

    @staticmethod
    def _is_seen_there(overlap: Overlap, account: Account) -> bool:
        """Whether the partner sees this overlap, too: else nothing of it may be told there."""
        link = overlap.partner.connection
        if link is None or link.is_offline:
            return False
        pair = {"account": overlap.their_account_id, "their_account_id": account.pk}
        with tenant_context(link.across_from(overlap.tenant_id)):
            return Overlap.objects.visible().filter(**pair).exists()

    @staticmethod
    def _tell(
        action: Action, overlap: Overlap, changes: dict[str, Any], *, is_seen: bool, by: Membership
    ) -> None:
        """Their trail names their account alone, and says nothing where they did not see the overlap."""
        if is_seen:
            theirs = {"account": overlap.name}
            overlap.partner.record_on_both_sides(action, by=by, changes=changes, theirs=theirs)
        else:
            AuditEvent.record(action, by=by, target=overlap.partner, changes=changes)

    @property
    def shown_name(self) -> str:
        """Of the partner's account, while the partner shows names."""
        partner = self.partner
        return self.their_name if partner.state == Partner.State.CONNECTED and partner.their_names else ""

    @classmethod
    @transaction.atomic
    def of_suggestion(cls, suggestion: Suggestion, says: int, *, by: Membership) -> Self:
        """Raises matching.NotThere. The other side's trail tells of it only when both have confirmed."""
        matching.answer_suggestion(suggestion.pk, says, by=by)
        verdict = cls._of(suggestion.partner, suggestion.pk, suggestion.account, says=says, by=by)
        action = Action.MATCH_CONFIRMED if says == matching.SAME else Action.SUGGESTION_REJECTED
        AuditEvent.record(action, by=by, target=suggestion.partner, changes={"account": verdict.account_name})
        return verdict

    @transaction.atomic
    def take_back(self, *, by: Membership) -> None:
        """The pair is judged by the rules alone again, unless the other side has said something too."""
        matching.take_back(self.account_id, self.pair)
        self.delete()
        changes = {"account": self.account_name, "partner's account": self.their_name}
        AuditEvent.record(Action.VERDICT_TAKEN_BACK, by=by, target=self.partner, changes=changes)

    @classmethod
    def _of(cls, partner: Partner, pair: Any, account: Account, *, by: Membership, **said: Any) -> Self:
        verdict, _new = cls.objects.update_or_create(
            pair=pair,
            defaults={
                "partner": partner,
                "account_id": account.pk,
                "account_name": account.name,
                "by_name": str(by),
                **said,
            },
        )
        return verdict
