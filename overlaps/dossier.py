"""All that a workspace knows of one of its accounts: its values and where they come from, and what happened to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import JSONObject

from audit.models import AuditEvent
from core.models import Membership
from overlaps import matching
from overlaps.exposure import Audience
from overlaps.models import Account, AccountSource, Import, Overlap, Verdict
from partners.models import CustomPopulation, Level, Partner, Population
from partners.models.sharing import EXTRA, field_label

FACTS = (
    *("domain", "country", "company_number", "population", "stage", "amount", "owner_name", "owner_email"),
    *("contact_name", "contact_email"),
)
MOST_OVERLAPS = 50
MOST_EVENTS = 10


@dataclass(frozen=True)
class Fact:
    label: str
    shown: str
    origin: str


@dataclass(frozen=True)
class Moment:
    """Something that happened to the account."""

    drawing: str
    words: str
    at: datetime
    more: str = ""


def with_history(accounts: QuerySet, member: Membership) -> QuerySet:
    """Each with `source_rows`, `batches` (the imports it came in), and what was `judged` of it: in the same query."""
    sources = AccountSource.objects.filter(account=OuterRef("pk")).order_by("source__name")
    brought_in = AccountSource.objects.filter(account=OuterRef(OuterRef("pk"))).values("created_in")
    known = Q(pk=OuterRef("created_in")) | Q(pk__in=brought_in)
    batches = Import.objects.filter(known).newest_first()[:MOST_EVENTS]
    seen = Partner.objects.visible_to(member)
    # What a partner showed once is not told here when it shows it no more.
    shown = Case(When(partner__state=Partner.State.CONNECTED, then=F("their_name")), default=Value(""))
    judged = Verdict.objects.filter(account_id=OuterRef("pk"), partner__in=seen).order_by("-at")[:MOST_EVENTS]
    return accounts.annotate(
        source_rows=_rows(sources, id="source_id", name="source__name", record="record_id", population="population"),
        batches=_rows(batches, id="id", filename="filename", by="by_name", at="created_at"),
        judged=_rows(judged, by="by_name", says="says", name=shown, partner="partner__name", at="at"),
    )  # fmt: skip


def _rows(rows: QuerySet, **names: str) -> ArraySubquery:
    return ArraySubquery(rows.values(row=JSONObject(**names)))


@dataclass(frozen=True)
class Dossier:
    """`account`: with its history."""

    account: Account
    member: Membership

    # -- our side --------------------------------------------------------------------------------------------

    @property
    def sources(self) -> list[dict[str, str]]:
        labels = dict(Population.choices)
        return [row | {"population": labels.get(row["population"], "")} for row in self.account.source_rows]

    @property
    def facts(self) -> list[Fact]:
        values = ((name, self._label(name), self._shown(name)) for name in FACTS)
        extra = ((EXTRA + name, name, text) for name, text in sorted(self.account.extra.items()))
        return [Fact(label, shown, self._origin(name)) for name, label, shown in [*values, *extra] if shown]

    @staticmethod
    def _label(name: str) -> str:
        return str(Account._meta.get_field(name).verbose_name).capitalize()

    def _shown(self, name: str) -> str:
        value = getattr(self.account, name)
        if name == "amount" and value is not None:
            return f"{intcomma(f'{value:f}'.removesuffix('.00'))} {self.account.currency}".strip()
        return self.account.get_population_display() if name == "population" else value or ""

    def _origin(self, name: str) -> str:
        """A source by its name, or who typed it. Of accounts that a merge let go, a source may have no row here."""
        origin = self.account.origins.get(name) or self.account.source_id
        names = {row["id"]: row["name"] for row in self.account.source_rows}
        if not origin or str(origin) in names:
            return names.get(str(origin), "")
        return "another source" if _is_id(origin) else str(origin)

    @cached_property
    def segments(self) -> list[str]:
        """The populations of our own making that it is in."""
        codes = set(self.account.segments)
        return [p.label for p in CustomPopulation.codes() if p.value in codes] if codes else []

    # -- the other sides -------------------------------------------------------------------------------------

    @cached_property
    def overlaps(self) -> list[Overlap]:
        seen = Overlap.objects.visible_to(self.member).filter(account=self.account)
        return list(seen.select_related("partner").order_by("partner__name", "name", "pk")[:MOST_OVERLAPS])

    @property
    def partners(self) -> list[tuple[Partner, Overlap]]:
        """Each once, with the first of its accounts that are this company."""
        first: dict[UUID, Overlap] = {}
        for overlap in self.overlaps:
            first.setdefault(overlap.partner_id, overlap)
        return [(overlap.partner, overlap) for overlap in first.values()]

    @property
    def audience(self) -> str:
        """Who is shown it. From our own rules alone: nobody learns from it who has the account too."""
        if self.account.is_private or self.account.gone_at:
            return "No partner is shown this account."
        places = {self.account.population, *self.account.segments}
        rules = [rule for rule in Audience.of(self.member).rules if rule[1] in places]
        if not rules:
            return "No partner is shown this account: its populations are not shared by name."
        all_of_them = {partner for partner, _, level, _ in rules if level == Level.ALL}
        if_both = {partner for partner, *_ in rules} - all_of_them
        fields = sorted({field_label(field) for *_, shown in rules for field in shown})
        seen = [_partners(len(all_of_them), "see it")] if all_of_them else []
        seen += [_partners(len(if_both), "see it if they have it too")] if if_both else []
        return f"{' and '.join(seen)}: name{', ' if fields else ''}{', '.join(fields)} at most. Never the contact."

    # -- what happened ---------------------------------------------------------------------------------------

    @cached_property
    def activity(self) -> list[Moment]:
        moments = [*self._events(), *self._found(), *self._judged(), *self._imported()]
        return sorted(moments, key=lambda moment: moment.at, reverse=True)[: 2 * MOST_EVENTS]

    def _events(self) -> Iterator[Moment]:
        for event in AuditEvent.objects.about(self.account).newest_first()[:MOST_EVENTS]:
            fields = ", ".join(change.field.lower() for change in event.details)
            what = event.from_to or (f": {fields}" if fields else "")
            yield Moment("pencil", f"{event.who} {event.sentence.removesuffix(' into')}{what}", event.at)

    def _found(self) -> Iterator[Moment]:
        for partner, overlap in self.partners:
            words = f"Became an overlap with {partner}"
            yield Moment("overlap", words, overlap.found_at, overlap.get_rule_display())

    def _judged(self) -> Iterator[Moment]:
        for said in self.account.judged:
            verb = "is not" if said["says"] == matching.NOT_THE_SAME else "is"
            words = f"{said['by']}: it {verb} {said['name'] or 'what was suggested'} of {said['partner']}"
            yield Moment("handshake", words, datetime.fromisoformat(said["at"]))

    def _imported(self) -> Iterator[Moment]:
        for batch in self.account.batches:
            made = batch["id"] == str(self.account.created_in)
            words = f"{'Imported' if made else 'Recognised'} in {batch['filename']}"
            yield Moment("upload", words, datetime.fromisoformat(batch["at"]), f"by {batch['by']}")


def _partners(number: int, verb: str) -> str:
    """`verb`: as of several."""
    if number == 1:
        return f"1 partner {verb.replace('see', 'sees', 1).replace('they have', 'it has')}"
    return f"{number:,} partners {verb}"


def _is_id(text: Any) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
