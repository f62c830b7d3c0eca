"""What a page costs: SQL statements, without the savepoints that only tests need."""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def cost(client: Client, path: str, **kwargs: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path, **kwargs).status_code in {200, 302}
    return sum("SAVEPOINT" not in query["sql"] for query in queries)
