"""A worker that dies in the middle of a job does not take the job with it."""

import asyncio
from types import SimpleNamespace

import pytest
from django.db import connection, connections
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from core.tasks import retry_stalled

pytestmark = pytest.mark.django_db(transaction=True)


def a_job_of_a_worker(heard_of: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s::interval) RETURNING id",
            [heard_of],
        )
        (worker,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, status, worker_id) "
            "VALUES ('intros.expire', 'default', '{}', 'doing', %s) RETURNING id",
            [worker],
        )
        return cursor.fetchone()[0]


def test_the_job_of_a_dead_worker_is_done_again(transactional_db):
    dead, alive = a_job_of_a_worker("5 minutes"), a_job_of_a_worker("1 second")

    async def tick() -> None:
        worker = app.with_connector(app.connector.get_worker_connector())
        async with worker.open_async():
            await retry_stalled.func(SimpleNamespace(app=worker), timestamp=0)

    asyncio.run(tick())
    connections.close_all()

    states = dict(ProcrastinateJob.objects.values_list("id", "status"))
    assert states == {dead: "todo", alive: "doing"}
