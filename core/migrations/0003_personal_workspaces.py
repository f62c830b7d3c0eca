"""Every user who was there before workspaces gets one, and owns it. Backwards: those workspaces go, no other."""

from django.db import connection, migrations

from core import naming

BATCH = 2_000


def give_workspaces(apps, schema_editor):
    User = apps.get_model("core", "User")
    homeless = User.objects.filter(memberships__isnull=True).order_by("date_joined", "pk")
    while users := list(homeless[:BATCH]):  # who got one is homeless no more
        _give(apps, users)


def _give(apps, users):
    Tenant, Membership, WorkspaceSlug = (
        apps.get_model("core", name) for name in ("Tenant", "Membership", "WorkspaceSlug")
    )
    tenants = [_tenant(Tenant, user) for user in users]
    _choose_slugs(WorkspaceSlug, tenants)
    Tenant.objects.bulk_create(tenants)
    WorkspaceSlug.objects.bulk_create(WorkspaceSlug(tenant=t, slug=t.slug, is_current=True) for t in tenants)
    Membership.objects.bulk_create(
        Membership(tenant=tenant, user=user, role="owner", is_default=True)
        for tenant, user in zip(tenants, users, strict=True)
    )


def _tenant(Tenant, user):
    domain = naming.company_domain(user.email, user.business_domain)
    name = naming.workspace_name(
        business_name=user.business_name, domain=domain, person=user.name, email=user.email
    )
    plans = {choice for choice, _label in Tenant._meta.get_field("plan").choices}
    return Tenant(
        name=name,
        domain=domain,
        contact_email=user.email,
        plan=user.tier if user.tier in plans else "free",
        origin="migration",
    )


def _choose_slugs(WorkspaceSlug, tenants):
    """One query tells which of the batch's likely addresses are taken."""
    wishes = {tenant.pk: naming.slugs(tenant.name, tenant.domain) for tenant in tenants}
    open_tenants, taken = tenants, set()
    while open_tenants:
        for tenant in open_tenants:
            tenant.slug = next(slug for slug in wishes[tenant.pk] if slug not in taken)
            taken.add(tenant.slug)
        slugs = [tenant.slug for tenant in open_tenants]
        clashes = set(WorkspaceSlug.objects.filter(slug__in=slugs).values_list("slug", flat=True))
        open_tenants = [tenant for tenant in open_tenants if tenant.slug in clashes]


def take_workspaces(apps, schema_editor):
    """Only those that the migration made; the database takes their memberships and addresses with them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_tenant WHERE origin = 'migration'")


class Migration(migrations.Migration):
    dependencies = [("core", "0002_tenants")]

    operations = [migrations.RunPython(give_workspaces, take_workspaces, elidable=True)]
