import uuid

import django.db.models.deletion
from django.db import migrations, models

import core.fields
from core.operations import PERSON, DefinerFunction, TenantTable

# Whose door a link opens, asked by somebody who isn't a member: the key's hash must be known.
INVITATION_TENANT = """
CREATE FUNCTION workspaces_invitation_tenant(key text) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT i.tenant_id FROM workspaces_invitation i
            WHERE i.token_hash = key AND key <> '' AND i.state = 'pending');
END $$
"""

# What waits for the addresses that the person has verified. The inviter's role comes along, because what a role may
# is written in one place, core.roles.
MY_INVITATIONS = f"""
CREATE FUNCTION workspaces_my_invitations() RETURNS TABLE (
    tenant_id uuid, tenant_name varchar, tenant_accent varchar, invitation_id uuid, role varchar, inviter text,
    expires_at timestamptz, inviter_role varchar
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT t.id, t.name, t.accent, i.id, i.role, coalesce(nullif(u.name, ''), u.email), i.expires_at, m.role
    FROM account_emailaddress e
    JOIN workspaces_invitation i ON i.email = lower(e.email) AND i.state = 'pending' AND i.expires_at > now()
    JOIN core_tenant t ON t.id = i.tenant_id AND t.is_active
    JOIN core_membership m ON m.tenant_id = i.tenant_id AND m.id = i.invited_by_id AND m.is_active
    JOIN core_user u ON u.id = m.user_id AND u.is_active
    WHERE e.user_id = {PERSON} AND e.verified
      AND NOT EXISTS (SELECT 1 FROM core_membership mine WHERE mine.tenant_id = i.tenant_id AND mine.user_id = e.user_id)
    ORDER BY i.sent_at DESC, i.id;
END $$
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("core", "0003_personal_workspaces"),
    ]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("nonce", models.CharField(blank=True, editable=False, max_length=32)),
                ("token_hash", models.CharField(blank=True, db_index=True, editable=False, max_length=64)),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail")),
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
                ("note", models.CharField(blank=True, max_length=280)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("accepted", "Accepted"),
                            ("declined", "Declined"),
                            ("revoked", "Revoked"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField()),
                ("times_sent", models.PositiveSmallIntegerField(default=0)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "invited_by",
                    core.fields.TenantForeignKey(
                        null=True, on_row_delete="CASCADE", related_name="invitations", to="core.membership"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="core.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant", "email"], name="invitation_by_email"),
                    models.Index(
                        condition=models.Q(("state", "pending")), fields=["email"], name="invitation_waiting"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "pending")),
                        fields=("tenant", "email"),
                        name="invitation_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "pending"), _negated=True),
                            ("invited_by__isnull", False),
                            _connector="OR",
                        ),
                        name="invitation_has_inviter",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role", "owner"), _negated=True),
                        name="invitation_gives_no_ownership",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OwnershipOffer",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("offered_at", models.DateTimeField()),
                (
                    "offered_by",
                    core.fields.TenantForeignKey(
                        on_row_delete="CASCADE", related_name="+", to="core.membership"
                    ),
                ),
                (
                    "offered_to",
                    core.fields.TenantForeignKey(
                        on_row_delete="CASCADE", related_name="+", to="core.membership"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="core.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="ownership_offer_once")],
            },
        ),
        migrations.CreateModel(
            name="WorkspaceLogo",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("version", models.CharField(max_length=16)),
                ("png", models.BinaryField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="core.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="logo_once")],
            },
        ),
        TenantTable("Invitation"),
        TenantTable("OwnershipOffer"),
        TenantTable("WorkspaceLogo"),
        DefinerFunction("workspaces_invitation_tenant(text)", INVITATION_TENANT),
        DefinerFunction("workspaces_my_invitations()", MY_INVITATIONS),
    ]
