import time

import pytest
from django.db import connection

from core.tenancy import tenant_context
from overlaps import dryrun, matching
from overlaps.models import Account
from partners.models import Population, shares_from
from tests.sharing import COUNTED, NAMED, connect, share


@pytest.mark.django_db(transaction=True)
def test_b(acme, globex):
    ours, other = connect(acme, globex)
    for t, lo in ((acme, 0), (globex, 70_000)):
        t0 = time.time()
        with tenant_context(t):
            for s in range(lo, lo + 100_000, 10_000):
                Account.objects.bulk_create(
                    [
                        Account(
                            name=f"Company {n}",
                            domain=f"company{n}.com",
                            country="DE",
                            population=Population.values[n % 3],
                        )
                        for n in range(s, s + 10_000)
                    ]
                )
        print("loaded", time.time() - t0, flush=True)
        with connection.as_owner(), connection.cursor() as c:
            c.execute("ANALYZE")
        t0 = time.time()
        with tenant_context(t):
            with connection.cursor() as c:
                c.execute("SET LOCAL statement_timeout = '60s'")
            matching.refresh()
            print("match", time.time() - t0, flush=True)
    for theirs in (NAMED, COUNTED):
        t0 = time.time()
        share(other, theirs)
        print("share", time.time() - t0, flush=True)
        with tenant_context(acme):
            for i in range(2):
                t0 = time.time()
                told = dryrun.of_rules(ours, shares_from(NAMED))
                print("dry run", time.time() - t0, told.total.newly, flush=True)
