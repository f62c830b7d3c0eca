"""The cast. Ada (Acme) asks Grace (Globex) for an introduction; Mallory (Initech) is the outsider."""

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from core.models import Membership, Tenant, User
from core.roles import Role
from core.tenancy import tenant_context

PASSWORD = "correct horse battery"


def person(name: str, company: str) -> User:
    email = f"{name.lower()}@{company.lower()}.example"
    user = User.objects.create_user(email, PASSWORD, name=name, business_name=company)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def founder(name: str, company: str) -> Membership:
    return Tenant.found(owner=person(name, company), name=company, domain=f"{company.lower()}.example")


def member(name: str, tenant: Tenant, role: Role) -> Membership:
    with tenant_context(tenant):
        return Membership.objects.create(
            tenant=tenant, user=person(name, tenant.name), role=role, is_default=True
        )


@pytest.fixture
def ada(db) -> Membership:
    return founder("Ada", "Acme")


@pytest.fixture
def grace(db) -> Membership:
    return founder("Grace", "Globex")


@pytest.fixture
def mallory(db) -> Membership:
    return founder("Mallory", "Initech")


@pytest.fixture
def acme(ada) -> Tenant:
    return ada.tenant


@pytest.fixture
def globex(grace) -> Tenant:
    return grace.tenant


@pytest.fixture
def initech(mallory) -> Tenant:
    return mallory.tenant


@pytest.fixture
def alan(acme) -> Membership:
    return member("Alan", acme, Role.ADMIN)


@pytest.fixture
def linus(acme) -> Membership:
    return member("Linus", acme, Role.MEMBER)


@pytest.fixture
def vera(acme) -> Membership:
    return member("Vera", acme, Role.VIEWER)


# -- three companies with something of everything --------------------------------------------------------------


STAGE = pytest.StashKey()


@pytest.fixture(scope="session")
def stage(request, django_db_setup, django_db_blocker):
    from tests.world import Stage  # which needs the cast

    request.config.stash[STAGE] = stage = Stage(django_db_blocker)
    yield stage
    with django_db_blocker.unblock():
        stage.clear()


def stands_around(test) -> bool:
    """Whether this test wants the companies in a transaction around its own."""
    marker = test.get_closest_marker("django_db")
    commits = {"transactional_db", "live_server"} & set(test.fixturenames)
    commits = commits or (marker and marker.kwargs.get("transaction"))
    return "companies" in test.fixturenames and not commits


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item) -> None:
    """Before any fixture: once a browser runs, Django's connection is another one."""
    stage = item.config.stash.get(STAGE, None)
    if stage and not stands_around(item):
        with stage.blocker.unblock():
            stage.clear()


@pytest.fixture
def scene(request, stage, django_db_blocker) -> None:
    """What stands around the test's own transaction."""
    if stands_around(request.node):
        with django_db_blocker.unblock():
            stage.set()


@pytest.fixture
def _django_db_helper(scene, _django_db_helper) -> None:
    """pytest-django's, which begins the test's own transaction."""


@pytest.fixture
def companies(db, stage):
    """Acme, Globex and Initech as `tests/world.py` builds them."""
    return stage.world()


@pytest.fixture
def log_in(db):
    """Sign a person in: log_in(ada) gives Ada's own client."""

    def _log_in(who: Membership | User) -> Client:
        client = Client()
        client.force_login(getattr(who, "user", who), "allauth.account.auth_backends.AuthenticationBackend")
        return client

    return _log_in


@pytest.fixture
def run_jobs(db):
    """Do in this process, one after another, what waits for the worker; gives back the names of the tasks."""

    def _run_jobs() -> list[str]:
        app.perform_import_paths()
        done = []
        while job := ProcrastinateJob.objects.filter(status="todo").order_by("id").first():
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job.id])
            app.tasks[job.task_name].func(**job.args)
            done.append(job.task_name)
        return done

    return _run_jobs
