"""Acts on many accounts at once, each a few statements whatever their number.

Which accounts is a queryset: some that were chosen one by one, or all that a filter finds when the act is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models import Case, F, Func, JSONField, Q, QuerySet, Value, When
from django.http import QueryDict
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.asking import an_id
from core.models import Membership
from core.tenancy import current_tenant_id
from overlaps import matching
from overlaps.accounts import AccountList
from overlaps.exposure import Audience, per_population
from overlaps.models import Account
from overlaps.numbers import number_key
from partners.models import CustomPopulation, Population

NUMBER = """
UPDATE overlaps_account a SET number_key = n.key FROM unnest(%s::uuid[], %s::text[]) AS n(id, key)
 WHERE a.tenant_id = %s AND a.id = n.id AND a.number_key <> n.key
"""
FIELDS = ("population", "owner_name", "stage", "country", "is_private")
TAGS = ArrayField(models.CharField(max_length=40))
MOST_PICKED = 1_000


@dataclass(frozen=True)
class Chosen:
    """What a list's form sent: ids of rows, or `all` and the address of the list."""

    accounts: QuerySet
    in_words: str
    fields: list[tuple[str, str]]  # to send the same once more

    @classmethod
    def asked_for(cls, data: QueryDict, member: Membership) -> Self:
        if data.get("all"):
            query = data.get("query", "")[:5_000]
            wanted = AccountList.asked_for(QueryDict(query), member)
            in_words = f"all of {wanted.query}" if wanted.is_filtered else "all accounts"
            return cls(wanted.rows, in_words, [("all", "1"), ("query", query)])
        ids = [pk for text in data.getlist("pick")[:MOST_PICKED] if (pk := an_id(text))]
        return cls(Account.objects.filter(pk__in=ids), "chosen", [("pick", str(pk)) for pk in ids])


@transaction.atomic
def change(chosen: Chosen, wanted: Mapping[str, Any], *, by: Membership) -> int:
    """`wanted`: any of FIELDS, and `add` and `remove`, lists of tags. How many accounts it changed."""
    values = {name: value for name, value in wanted.items() if name in FIELDS}
    add, remove = wanted.get("add", []), wanted.get("remove", [])
    differs = {name: ~Q(**{name: value}) for name, value in values.items()}
    if add or remove:
        differs["tags"] = (~Q(tags__contains=add) if add else Q(pk=None)) | Q(tags__overlap=remove)
        values["tags"] = _tagged(add, remove)
    accounts = chosen.accounts.filter(reduce(or_, differs.values()))
    if "country" in values:
        _number_anew(accounts, values["country"])
    origins = [
        Case(When(unlike, then=_json({name: str(by)})), default=_json({})) for name, unlike in differs.items()
    ]
    joined = Func(F("origins"), *origins, template="(%(expressions)s)", arg_joiner=" || ")
    changed = accounts.order_by().update(**values, origins=joined, updated_at=timezone.now())
    if changed:
        matching.refresh()
        said = {name: value for name, value in wanted.items() if value not in ([], None)}
        _record(Action.ACCOUNTS_CHANGED, chosen, changed, by=by, **said)
    return changed


@transaction.atomic
def remove(chosen: Chosen, *, by: Membership) -> int:
    """With their overlaps, on both sides. How many there were."""
    removed = chosen.accounts.order_by().delete()[1].get(Account._meta.label, 0)
    if removed:
        matching.refresh()
        _record(Action.ACCOUNTS_DELETED, chosen, removed, by=by)
    return removed


def _record(action: Action, chosen: Chosen, number: int, *, by: Membership, **said: Any) -> None:
    AuditEvent.record(
        action, by=by, target=by.tenant, changes={"accounts": number, "which": chosen.in_words, **said}
    )


def _json(value: dict[str, str]) -> Value:
    return Value(value, output_field=JSONField())


def _tagged(add: list[str], remove: list[str]) -> Func:
    """No tag is there twice: what is added goes to the end."""
    tags = F("tags")
    for tag in [*remove, *add]:
        tags = Func(tags, Value(tag), function="array_remove", output_field=TAGS)
    return Func(tags, Value(add, output_field=TAGS), function="array_cat", output_field=TAGS)


def _number_anew(accounts: QuerySet, country: str) -> None:
    """What a company number says depends on the country: two statements, for those that have one."""
    numbered = accounts.exclude(company_number="").select_for_update(no_key=True, of=["self"]).order_by("pk")
    rows = [(pk, number_key(number, country)) for pk, number in numbered.values_list("pk", "company_number")]
    if rows:
        ids, keys = zip(*rows, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(NUMBER, [list(ids), list(keys), current_tenant_id()])


def consequences(chosen: Chosen, wanted: Mapping[str, Any], member: Membership) -> list[str]:
    """Of `change`, for partners, in words: upper bounds, before it is done."""
    audience, populations = Audience.of(member), CustomPopulation.codes()
    private, population = wanted.get("is_private"), wanted.get("population")
    fields = ["tags"] if wanted.get("add") or wanted.get("remove") else []
    fields += [name for name in ("owner_name", "stage", "country") if name in wanted]
    there = chosen.accounts.filter(gone_at=None)
    if private:
        return ["No partner sees them any more, and you see no overlap of theirs."] if there.exists() else []
    told = audience.told(fields)
    if population:
        newly = Q(is_private=True) if private is False else Q(pk=None)
        moved = there.filter(newly | Q(is_private=False) & ~Q(population=population))
        number = moved.count()
        told += map(str, audience.exposures({population: number}, populations))
    if private is False:
        opened = per_population(there.filter(is_private=True))
        opened = {
            place: number for place, number in opened.items() if not population or place not in Population
        }
        told += map(str, audience.exposures(opened, populations))
    if len(populations) > len(Population):
        told.append("Populations of your own making follow: what their conditions find then is in them.")
    return told
