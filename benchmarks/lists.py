"""Two long lists that have a fifth in common: real names and domains of the demo, varied by a number and a word.

For time only: a million such rows are too much alike to say anything of accuracy.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random

from django.db import connection

from core.models import Tenant
from core.tenancy import tenant_context
from overlaps.keys import keys_of
from overlaps.models import Account
from partners.models import Population

COMPANIES = Path(__file__).resolve().parent.parent / "config" / "demo" / "companies.csv.gz"
WORDS = (
    "North South Blue Green First Prime Delta Omega Nova Apex Terra Lumen Cobalt Harbor Summit Vertex".split()
)
FORMS = ["Inc", "GmbH", "Ltd", "LLC", "", "S.A.", "AB", "BV"]
HEADER = ["Record ID", "Company name", "Website", "Country", "Population", "Owner", "Stage", "Amount"]


def rows(size: int, *, side: int, in_common: float = 0.2) -> Iterator[list[str]]:
    """The first fifth is the same companies on both sides, written a little differently."""
    with gzip.open(COMPANIES, "rt", encoding="utf-8", newline="") as file:
        known = [(line["name"], line["domain"], line["country"]) for line in csv.DictReader(file)]
    populations = [label for _, label in Population.choices]
    chance = Random(side)  # noqa: S311
    for n in range(size):
        shared = n < size * in_common
        own = n if shared else n + (side + 1) * 10_000_000
        name, domain, country = known[own % len(known)]
        word = WORDS[own // len(known) % len(WORDS)]
        title = f"{name.split()[0]}{own:x} {word} {FORMS[(own + side) % len(FORMS)]}".strip()
        site = f"www.{word.lower()}{own:x}-{domain}" if chance.random() < 0.75 else ""
        place = country if chance.random() < 0.85 else ""
        yield [str(own), title, site, place, populations[n % 3], f"Person {n % 40}", "", str(n % 90_000)]


def write(path: Path, size: int, *, side: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows(size, side=side))


COLUMNS = ["name", "domain", "country", "population", "owner_name", "amount", *Account.KEYS]
STAGE = f"""
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {", ".join(COLUMNS)} FROM overlaps_account LIMIT 0
"""
INSERT = f"""
INSERT INTO overlaps_account (tenant_id, id, {", ".join(COLUMNS)}, company_number, owner_email, currency, stage,
    contact_name, contact_email, segments, tags, extra, origins, is_private, created_at, updated_at)
SELECT %s, gen_random_uuid(), {", ".join(COLUMNS)}, '', '', '', '', '', '', '{{}}', '{{}}', '{{}}', '{{}}',
       false, now(), now()
  FROM staged
"""


def load(tenant: Tenant, size: int, *, side: int) -> None:
    """Without the wizard: for what is measured behind it."""
    populations = {label: value for value, label in Population.choices}
    with tenant_context(tenant), connection.cursor() as cursor:
        cursor.execute(STAGE)
        with cursor.copy(f"COPY staged ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for _, name, site, country, population, owner, _, amount in rows(size, side=side):
                keys = keys_of(name=name, website=site, country=country)
                copy.write_row(
                    [
                        *(name, keys.domain, country, populations[population], owner, amount),
                        *(getattr(keys, key) for key in Account.KEYS.values()),
                    ]
                )
        cursor.execute(INSERT, [tenant.pk])
