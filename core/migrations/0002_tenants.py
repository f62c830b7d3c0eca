import uuid

import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

from core.operations import PERSON, TENANT, DefinerFunction, TenantTable

# The one way to set the context. SET LOCAL and nothing else: it ends with the transaction.
ENTER = """
CREATE FUNCTION core_enter(tenant uuid, person uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL app.tenant_id = %L', coalesce(tenant::text, ''));
    EXECUTE format('SET LOCAL app.user_id = %L', coalesce(person::text, ''));
END $$
"""

# From a person and an address to the workspace's context, or to none: asked under the policies, as the application.
ENTER_AT = """
CREATE FUNCTION core_enter_at(address text, person uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    found uuid;
BEGIN
    PERFORM core_enter(NULL, person);
    SELECT m.tenant_id INTO found FROM core_membership m
      JOIN core_tenant t ON t.id = m.tenant_id JOIN core_workspaceslug s ON s.tenant_id = m.tenant_id
     WHERE s.slug = address AND m.user_id = person AND m.is_active AND t.is_active;
    PERFORM core_enter(found, person);
    RETURN found;
END $$
"""

# For the policies on workspaces and their addresses: whether the person may enter this one. Without it they would need
# a sub-query; and asked for one row at a time, it costs the same for members of one workspace and of a thousand. Its
# price tells the planner to find the few rows first and not to ask it of every workspace of the installation.
IS_MINE = f"""
CREATE FUNCTION core_is_mine(workspace uuid) RETURNS boolean LANGUAGE plpgsql STABLE COST 10000 AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM core_membership WHERE tenant_id = workspace AND user_id = {PERSON} AND is_active
    );
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_users")]

    operations = [
        migrations.RunSQL(ENTER, "DROP FUNCTION core_enter(uuid, uuid)"),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(max_length=48, unique=True)),
                ("domain", models.CharField(blank=True, max_length=253)),
                (
                    "contact_email",
                    models.EmailField(blank=True, max_length=254, verbose_name="contact e-mail"),
                ),
                (
                    "plan",
                    models.CharField(
                        choices=[
                            ("free", "Free"),
                            ("starter", "Starter"),
                            ("growth", "Growth"),
                            ("pro", "Pro"),
                            ("enterprise", "Enterprise"),
                        ],
                        default="free",
                        max_length=20,
                    ),
                ),
                ("features", models.JSONField(blank=True, default=dict)),
                (
                    "subscription",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("trial", "Trial"),
                            ("active", "Active"),
                            ("past_due", "Past Due"),
                            ("ended", "Ended"),
                        ],
                        default="none",
                        max_length=10,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("accent", models.CharField(blank=True, max_length=10)),
                ("logo_version", models.CharField(blank=True, editable=False, max_length=16)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("sign_up", "Sign Up"),
                            ("person", "made by a member"),
                            ("migration", "made for a user who was there before workspaces"),
                            ("operator", "Operator"),
                        ],
                        default="sign_up",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "base_manager_name": "across_tenants",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("across_tenants", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="WorkspaceSlug",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("slug", models.SlugField(max_length=48, unique=True)),
                ("is_current", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="slugs",
                        to="core.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("member", "Member"),
                            ("viewer", "Viewer"),
                        ],
                        default="member",
                        max_length=10,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("is_default", models.BooleanField(default=False)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="memberships",
                        to="core.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant", "user"), name="membership_once")],
            },
        ),
        DefinerFunction("core_is_mine(uuid)", IS_MINE),
        migrations.RunSQL(ENTER_AT, "DROP FUNCTION core_enter_at(text, uuid)"),
        TenantTable(
            "Membership", sees=f"tenant_id = {TENANT} OR user_id = {PERSON}", writes=f"tenant_id = {TENANT}"
        ),
        TenantTable("Tenant", sees=f"id = {TENANT} OR core_is_mine(id)", writes=f"id = {TENANT}"),
        TenantTable(
            "WorkspaceSlug",
            sees=f"tenant_id = {TENANT} OR core_is_mine(tenant_id)",
            writes=f"tenant_id = {TENANT}",
        ),
    ]
