"""The words that a workspace uses in its list, to choose from: who owns accounts, stages, tags, custom fields."""

from collections import Counter
from dataclasses import dataclass
from typing import Self

from overlaps.models import Account

LOOKED_AT = 2_000  # accounts at random: ids are
MOST = 50


@dataclass(frozen=True)
class Vocabulary:
    """The more frequent ones, by name. Other words can be typed."""

    owners: list[str]
    stages: list[str]
    tags: list[str]
    fields: list[str]

    @classmethod
    def of_list(cls) -> Self:
        owners, stages, tags, fields = Counter(), Counter(), Counter(), Counter()
        some = Account.objects.order_by("pk").values_list("owner_name", "stage", "tags", "extra")
        for owner, stage, tagged, extra in some[:LOOKED_AT]:
            owners[owner] += 1
            stages[stage] += 1
            tags.update(tagged)
            fields.update(extra)
        return cls(*(_words(counted) for counted in (owners, stages, tags, fields)))


def _words(counted: Counter[str]) -> list[str]:
    return sorted((word for word, _ in counted.most_common(MOST) if word), key=str.casefold)
