"""Users who were there before workspaces: the data migration, from the older state, forward and back."""

from collections import Counter
from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core import naming

USERS, TENANTS, DONE = ("core", "0001_users"), ("core", "0002_tenants"), ("core", "0003_personal_workspaces")
NAMES = [
    "Acme",
    "acme!",
    "",
    "  ",
    "Ärger & Söhne GmbH",
    "株式会社トヨタ",
    "Рога и копыта",
    "x" * 200,
    "Admin",
    "🦊",
    "A",
]


@pytest.fixture
def older(transactional_db):
    """A database of its own that ends with the users; gives back its migrate(target) -> apps."""
    with connection.as_owner():
        here = connection.settings_dict["NAME"]
        there = f"{here}_older"
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {there}")
            cursor.execute(f"CREATE DATABASE {there} TEMPLATE template0")
        connection.close()
        connection.settings_dict["NAME"] = there
        try:
            yield lambda target: MigrationExecutor(connection).migrate([target]).apps
        finally:
            connection.close()
            connection.settings_dict["NAME"] = here
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE {there}")


def fill(apps, count: int) -> None:
    User = apps.get_model("core", "User")
    User.objects.bulk_create(
        User(
            email=f"person{n}@{'gmail.com' if n % 3 else f'company{n % 50}.example'}",
            name=f"Person {n}" if n % 2 else "",
            business_name=NAMES[n % len(NAMES)],
            business_domain="" if n % 5 else "HTTPS://www.Shared.example/about",
            tier=["free", "pro", "no such tier"][n % 3],
        )
        for n in range(count)
    )


def test_ten_thousand_users_get_their_workspaces_and_back(older):
    fill(older(USERS), 10_000)
    apps = older(TENANTS)
    User, Tenant, Membership, Slug = (
        apps.get_model("core", name) for name in ("User", "Tenant", "Membership", "WorkspaceSlug")
    )
    settled = list(User.objects.order_by("email")[:100])
    kept = Tenant.objects.create(name="Acme", slug="acme")
    Slug.objects.create(tenant=kept, slug="acme", is_current=True)
    Membership.objects.bulk_create(Membership(tenant=kept, user=user, role="viewer") for user in settled)

    older(DONE)

    assert Tenant.objects.count() == 9_901
    assert Membership.objects.filter(role="owner", is_default=True, is_active=True).count() == 9_900
    assert Counter(Membership.objects.values_list("user", flat=True)).most_common(1)[0][1] == 1
    assert Membership.objects.filter(user__in=settled).exclude(tenant=kept).count() == 0
    slugs = set(Tenant.objects.values_list("slug", flat=True))
    assert len(slugs) == 9_901
    assert slugs == set(Slug.objects.filter(is_current=True).values_list("slug", flat=True))
    assert not slugs & naming.RESERVED
    assert all(naming.slugify(slug) == slug and len(slug) <= naming.SLUG_LENGTH for slug in slugs)
    assert not Tenant.objects.filter(name__in=["", " "]).exists()

    apps = older(TENANTS)

    assert [tenant.pk for tenant in Tenant.objects.all()] == [kept.pk]
    assert Membership.objects.count() == 100
    assert [slug.slug for slug in Slug.objects.all()] == ["acme"]
    assert User.objects.count() == 10_000


def test_the_name_is_the_business_else_the_domain_else_the_person(older):
    User = older(USERS).get_model("core", "User")
    User.objects.create(email="a@gmail.com", business_name="  Ärger & Söhne  ", tier="pro")
    User.objects.create(email="b@ever-green.example", name="Bo", tier="free")
    User.objects.create(email="c@gmail.com", name="Cleo", tier="gold")
    User.objects.create(email="dan.d@gmail.com", business_domain="www.dandy.example/shop")
    User.objects.create(email="e@gmail.com", business_name="株式会社トヨタ")

    Tenant = older(DONE).get_model("core", "Tenant")

    found = {t.contact_email[0]: (t.name, t.slug, t.domain, t.plan, t.origin) for t in Tenant.objects.all()}
    assert found == {
        "a": ("Ärger & Söhne", "arger-sohne", "", "pro", "migration"),
        "b": ("Ever Green", "ever-green", "ever-green.example", "free", "migration"),
        "c": ("Cleo’s workspace", "cleo-workspace", "", "free", "migration"),
        "d": ("Dandy", "dandy", "dandy.example", "free", "migration"),
        "e": ("株式会社トヨタ", "workspace-2", "", "free", "migration"),
    }


def test_a_second_run_gives_nobody_a_second_workspace(older):
    fill(older(USERS), 20)
    apps = older(DONE)

    import_module("core.migrations.0003_personal_workspaces").give_workspaces(apps, None)

    assert apps.get_model("core", "Tenant").objects.count() == 20
