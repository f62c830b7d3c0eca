"""What a page costs: SQL statements, without those that only a transaction around it needs: a test's."""

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

OF_TESTS = re.compile(r"SAVEPOINT|core_enter\(NULL, NULL\)")


def cost(client: Client, path: str, **kwargs: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path, **kwargs).status_code in {200, 302}
    return sum(not OF_TESTS.search(query["sql"]) for query in queries)
