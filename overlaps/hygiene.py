"""What is doubtful in our own list. Each check answers page by page, as far down as somebody reads.

Of the match keys only what they say of one list is read. Private accounts and those that are gone have none: nobody is
asked to mend them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from core.paging import Stretch
from core.tenancy import current_tenant_id
from overlaps.accounts import SORTS
from overlaps.keys import domain_of
from overlaps.models import Account, AccountSource

A_PAGE = 25
COUNTED = 1_000  # findings; further than that nobody counts along
MOST_IN_A_GROUP = 20
LOOKED_AT = 5_000  # domains that are read, to say why they are nobody's own


class Check(NamedTuple):
    label: str
    lead: str
    fixes: str = ""  # the field that mends it; "" where accounts are compared


CHECKS = {
    "twice": Check("The same company twice", "Merge them, or say that they are two."),
    "contradictions": Check(
        "Customer here, prospect there",
        "Sources, or accounts of one company, that name different populations.",
        "population",
    ),
    "no-domain": Check(
        "No domain", "A domain is what finds an account in a partner’s list with the least doubt.", "domain"
    ),
    "mail-domain": Check(
        "Domain of a mail provider", "Many companies write from there: it matches nothing.", "domain"
    ),
    "platform-domain": Check(
        "Domain of a platform",
        "Social networks, shops, hosts and short links are no company’s own.",
        "domain",
    ),
    "dead-domain": Check(
        "Something that is no domain",
        "What stands there can’t be a domain, or ends in none that exists.",
        "domain",
    ),
    "no-country": Check(
        "No country", "Names alone are compared with more caution than names in one country.", "country"
    ),
    "bad-number": Check(
        "Company number that says nothing",
        "It is in no form that registers of its country give out, so lists can’t be compared by it.",
        "company_number",
    ),
}
KINDS = {
    "mail_provider": "mail-domain",
    "no_domain": "dead-domain",
    "unknown_suffix": "dead-domain",
    "ip_address": "dead-domain",
}
BY_FIELD = {
    "no-domain": Q(domain=""),
    "no-country": Q(country=""),
    "bad-number": ~Q(company_number="") & Q(number_key=""),
}
UNUSABLE = ~Q(domain="") & Q(domain_key="")

# -- accounts with something amiss in a field -------------------------------------------------------------------------


def asked() -> QuerySet[Account]:
    """Those that somebody is asked about."""
    return Account.objects.open_to_matching()


def of_kind(check: str) -> list[UUID]:
    """Accounts whose domain is no company's own, for the reason of this check; of the first `LOOKED_AT`."""
    return [pk for pk, kind in _unusable() if kind == check]


def _unusable() -> Iterator[tuple[UUID, str]]:
    for pk, domain in asked().filter(UNUSABLE).order_by("pk").values_list("pk", "domain")[:LOOKED_AT]:
        yield pk, KINDS.get(domain_of(domain).problem, "platform-domain")


def in_field(check: str) -> QuerySet[Account]:
    return asked().filter(BY_FIELD[check] if check in BY_FIELD else Q(pk__in=of_kind(check)))


# -- accounts that look like one company ------------------------------------------------------------------------------


class Reason(NamedTuple):
    words: str
    key: str  # columns of the match keys that are the same in a group, as an index has them
    where: str  # which rows have such a key
    members: str = "true"  # which of them count
    outer: str = "true"


SAME_NUMBER = "(g.number = 1 AND g.numbered = g.members)"
REASONS = {
    "number": Reason("Same company number", "number_hash", "number_hash IS NOT NULL", "NOT number_shared"),
    "domain": Reason(
        "Same domain, related names",
        "domain_hash",
        "domain_hash IS NOT NULL",
        "NOT domain_shared",
        f"NOT {SAME_NUMBER} AND EXISTS (SELECT FROM unnest(g.names) WITH ORDINALITY AS x(name, place) "
        "JOIN unnest(g.names) WITH ORDINALITY AS y(name, place) ON x.place < y.place "
        "WHERE overlaps_related(x.name, y.name))",
    ),
    "name": Reason(
        "Same name and country",
        "name_hash, country",
        "name_hash IS NOT NULL AND of_country > 1",
        outer=f"NOT {SAME_NUMBER}",
    ),
}
# In the order of their keys, behind a mark; keys that nobody shares are passed over in the index. A group whose members
# are all kept apart is none.
GROUPS = """
SELECT '{reason}', jsonb_build_array({key}), g.ids, g.members FROM (
    SELECT {key} FROM overlaps_matchkey
     WHERE tenant_id = %(tenant)s AND {where} AND {after} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key}
) AS shared CROSS JOIN LATERAL (
    SELECT (array_agg(id ORDER BY id))[1:{most}] AS ids, count(*) AS members, array_agg(name) AS names,
           count(DISTINCT number_hash) AS number, count(number_hash) AS numbered
      FROM overlaps_matchkey k WHERE k.tenant_id = %(tenant)s AND {same} AND {members}
) AS g
 WHERE g.members > 1 AND {outer}
   AND g.members * (g.members - 1) / 2 > (
       SELECT count(*) FROM overlaps_keptapart k
        WHERE k.tenant_id = %(tenant)s AND k.one_id = ANY (g.ids) AND k.other_id = ANY (g.ids))
   AND (NOT %(differ)s OR 1 < (
       SELECT count(DISTINCT a.population) FROM overlaps_account a
        WHERE a.tenant_id = %(tenant)s AND a.id = ANY (g.ids)))
 ORDER BY {key} LIMIT %(limit)s
"""
# Two sources name different populations, and nobody has decided.
UNDECIDED = """
SELECT 'sources', jsonb_build_array(account_id), ARRAY[account_id], 1 FROM (
    SELECT account_id FROM overlaps_accountsource s
     WHERE tenant_id = %(tenant)s AND population <> '' AND {after}
     GROUP BY account_id HAVING count(DISTINCT population) > 1 ORDER BY account_id
) AS g
  JOIN overlaps_account a ON a.tenant_id = %(tenant)s AND a.id = g.account_id
 WHERE NOT a.is_private AND a.gone_at IS NULL
   AND coalesce(a.origins ->> 'population', '') ~ '^([0-9a-f]{{8}}-[0-9a-f-]{{27}})?$'
 ORDER BY account_id LIMIT %(limit)s
"""
ASKED_OF = {"twice": ("number", "domain", "name"), "contradictions": ("sources", "number", "domain", "name")}


@dataclass
class Group:
    reason: str
    members: int
    ids: list[UUID]
    accounts: list[Account] = field(default_factory=list)

    @property
    def words(self) -> str:
        return REASONS[self.reason].words if self.reason in REASONS else "Sources differ"

    @property
    def differs(self) -> bool:
        return len({account.population for account in self.accounts}) > 1

    @property
    def more(self) -> int:
        return self.members - len(self.ids)


@dataclass(frozen=True)
class Groups:
    """Some of the groups of a check, and the mark by which they go on."""

    rows: list[Group]
    next: str

    @classmethod
    def of(cls, check: str, mark: str = "", size: int = A_PAGE) -> Self:
        """One statement."""
        reasons = ASKED_OF[check]
        begin, after = _read(mark, reasons)
        reasons = reasons[reasons.index(begin) :]
        found = _ask(reasons, after, differ=check == "contradictions", limit=size + 1)
        mark = _mark(*found[size - 1][:2]) if len(found) > size else ""
        return cls([Group(reason, members, ids) for reason, _, ids, members in found[:size]], mark)

    def with_accounts(self) -> Self:
        """With their accounts, and what sources say of each."""
        ids = [pk for group in self.rows for pk in group.ids]
        accounts = {
            account.pk: account for account in Account.objects.filter(pk__in=ids).order_by("sort_name")
        }
        for account in accounts.values():
            account.said = []
        for said in (
            AccountSource.objects.filter(account__in=ids).select_related("source").order_by("source__name")
        ):
            accounts[said.account_id].said.append(said)
        for group in self.rows:
            group.accounts = [account for pk, account in accounts.items() if pk in group.ids]
        return self


def _ask(reasons: tuple[str, ...], after: list[Any], *, differ: bool, limit: int) -> list[tuple]:
    """`after`: the keys of the first reason behind which it goes on."""
    values = {"tenant": current_tenant_id(), "differ": differ, "limit": limit}
    values |= {f"after_{place}": key for place, key in enumerate(after)}
    statements = [_statement(reason, after if place == 0 else []) for place, reason in enumerate(reasons)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"({statement})" for statement in statements), values)
        return sorted(cursor.fetchall(), key=lambda row: reasons.index(row[0]))


def _statement(reason: str, after: list[Any]) -> str:
    behind = ", ".join(f"%(after_{place})s" for place in range(len(after)))
    if reason == "sources":
        return UNDECIDED.format(after=f"account_id > {behind}" if after else "true")
    parts = REASONS[reason]._asdict()
    return GROUPS.format(
        **parts,
        reason=reason,
        same=" AND ".join(f"k.{column} = shared.{column}" for column in parts["key"].split(", ")),
        after=f"({parts['key']}) > ({behind})" if after else "true",
        most=MOST_IN_A_GROUP,
    )


def _mark(reason: str, keys: str) -> str:
    return json.dumps([reason, *json.loads(keys)])  # as the database writes them


def _read(mark: str, reasons: tuple[str, ...]) -> tuple[str, list[Any]]:
    """A mark that makes no sense begins at the beginning."""
    try:
        reason, *keys = json.loads(mark[:500])
        if reason == "sources":
            keys = [UUID(keys[0])]
        else:
            key, *country = keys
            if not (isinstance(key, int) and abs(key) < 2**63 and len(keys) == 1 + (reason == "name")):
                return reasons[0], []
            keys = [key, *(str(code)[:2].replace("\0", "") for code in country)]
        return (reason, keys) if reason in reasons else (reasons[0], [])
    except (ValueError, TypeError, IndexError, AttributeError):
        return reasons[0], []


# -- all checks -------------------------------------------------------------------------------------------------------


def numbers() -> dict[str, int]:
    """How much each check finds; past `COUNTED` one more than that."""
    counted = {
        check.replace("-", "_"): Count("pk", filter=condition) for check, condition in BY_FIELD.items()
    }
    fields = asked().aggregate(**counted)
    found = {check: fields[check.replace("-", "_")] for check in BY_FIELD}
    found |= dict.fromkeys(("mail-domain", "platform-domain", "dead-domain"), 0)
    for _, kind in _unusable():
        found[kind] += 1
    for check in ASKED_OF:
        groups = Groups.of(check, size=COUNTED)
        found[check] = len(groups.rows) + bool(groups.next)
    return found


def page_of(check: str, mark: str) -> Groups | Stretch:
    if check in ASKED_OF:
        return Groups.of(check, mark).with_accounts()
    return Stretch.of(in_field(check), SORTS["name"], mark, A_PAGE)
