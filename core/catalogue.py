"""What the database itself says about the locks, asked of its catalogue, so that a new table can't be forgotten.

Each check yields a line for everything that is not as TENANCY says; nothing yielded means in order.
"""

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import connection

from core.fields import TenantForeignKey
from core.models import TenantModel

# Tables that hold no workspace's data. Whoever adds one here says why.
NO_TENANT = {
    "account_emailaddress": "people's addresses",
    "account_emailconfirmation": "people's addresses",
    "audit_securityevent": "what happened to people's own accounts",
    "audit_trailhead": "number and hash of each trail's end; the application may not even read it",
    "auth_group": "Django's; unused",
    "auth_group_permissions": "Django's; unused",
    "auth_permission": "names of permissions",
    "core_cache": "counters of the rate limits",
    "core_user": "people",
    "django_content_type": "names of models",
    "django_migrations": "which migrations ran",
    "django_session": "signed-in browsers; of the workspaces only the last one used",
    "guardian_groupobjectpermission": "guardian's generic table; unused",
    "guardian_userobjectpermission": "guardian's generic table; grants are in partners_partnergrant",
    "mfa_authenticator": "people's second steps",
    "procrastinate_events": "what happened to jobs",
    "procrastinate_jobs": "ids only; a job opens its workspace when it runs",
    "procrastinate_periodic_defers": "the clock's jobs",
    "procrastinate_workers": "heartbeats",
    "usersessions_usersession": "people's sessions",
}
# Tables that no login reads or writes: the match role keeps them for itself.
MATCH_ONLY = {
    "overlaps_match",
    "overlaps_cell",
    "overlaps_ruling",
    "overlaps_probeday",
    "overlaps_frozencount",
}
ROOT = "core_tenant"
TWO_SIDED = {"partners_connection", "partners_datarequest", "intros_intro", "intros_introstep"}
GLOBAL_UNIQUE = {
    "core_tenant_pkey": "the workspace itself",
    "core_tenant_slug_key": "an address is one namespace for the installation, and public by nature",
    "core_workspaceslug_slug_key": "the same, with the former addresses",
    "partners_connection_pkey": "two-sided: neither side may come first",
    "partners_datarequest_pkey": "two-sided: neither side may come first",
    "data_request_once": "two-sided: begins with both sides",
    "connection_once": "two-sided: begins with both sides, in one order",
    "intros_intro_pkey": "two-sided: neither side may come first",
    "intro_sides": "two-sided: begins with both sides",
    "intros_introstep_pkey": "two-sided: neither side may come first",
}
COMMANDS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


def problems() -> Iterator[str]:
    for check in (
        _tables,
        _row_security,
        _policies,
        _unique,
        _foreign_keys,
        _models,
        _login_role,
        _rights,
        _bypass,
        _functions,
        _views,
    ):
        yield from check()


def _rows(sql: str, *params: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall()


def _names(sql: str, *params: object) -> set[str]:
    return {row[0] for row in _rows(sql, *params)}


def tenant_tables() -> set[str]:
    return (
        _names(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        - NO_TENANT.keys()
        - MATCH_ONLY
    )


def _owner() -> str:
    """As the database knows it: a process that only serves is not told how to log in as that role."""
    ((name,),) = _rows("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = %s::regclass", ROOT)
    return name


def _tables() -> Iterator[str]:
    with_tenant = _names(
        "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'tenant_id' AND attnotnull"
    )
    for table in sorted(tenant_tables() - with_tenant - TWO_SIDED - {ROOT}):
        yield f"{table}: no tenant_id NOT NULL"


def _row_security() -> Iterator[str]:
    secured = _names(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity "
        "AND relnamespace = 'public'::regnamespace"
    )
    for table in sorted((tenant_tables() | MATCH_ONLY) - secured):
        yield f"{table}: row-level security is not enabled and forced"


def _policies() -> Iterator[str]:
    commands: dict[str, set[str]] = {}
    trusted = {_owner(), settings.DATABASE_MATCH_ROLE}
    for table, name, command, roles, using, check in _rows(
        "SELECT tablename, policyname, cmd, roles::text[], qual, with_check FROM pg_policies "
        "WHERE schemaname = 'public'"
    ):
        if set(roles) <= trusted:
            continue
        if table in MATCH_ONLY:
            yield f"{table}: policy {name} opens what the match role keeps for itself"
        commands.setdefault(table, set()).add(command)
        for condition in filter(None, (using, check)):
            if "app.tenant_id" not in condition or "SELECT" in condition.upper():
                yield f"{table}: policy {name} does not ask the context, or asks with a sub-query"
    for table in sorted(tenant_tables()):
        if missing := COMMANDS - commands.get(table, set()):
            yield f"{table}: no policy for {', '.join(sorted(missing))}"


def _unique() -> Iterator[str]:
    loose = _names(
        """
        SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
         WHERE i.indisunique AND i.indrelid::regclass::text = ANY (%s) AND a.attname IS DISTINCT FROM 'tenant_id'
        """,
        sorted(tenant_tables()),
    )
    for name in sorted(loose - GLOBAL_UNIQUE.keys()):
        yield f"{name}: unique, but does not start with tenant_id"


def _foreign_keys() -> Iterator[str]:
    tables = sorted(tenant_tables())
    for table, name, target, first in _rows(
        """
        SELECT conrelid::regclass::text, conname, confrelid::regclass::text,
               (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1])
          FROM pg_constraint WHERE contype = 'f' AND confrelid::regclass::text = ANY (%s)
        """,
        tables,
    ):
        if first != "tenant_id" and not (table in TWO_SIDED and (target == ROOT or first == "requester_id")):
            yield f"{table}: foreign key {name} does not start with tenant_id"


def _models() -> Iterator[str]:
    composite = set(
        _rows(
            """
            SELECT conrelid::regclass::text,
                   (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[2])
              FROM pg_constraint WHERE contype = 'f' AND cardinality(conkey) = 2
            """
        )
    )
    for model in apps.get_models():
        if not issubclass(model, TenantModel):
            continue
        if model._meta.base_manager_name != "objects":
            yield f"{model.__name__}: Meta does not inherit TenantModel.Meta"
        for field in model._meta.local_fields:
            inside = field.is_relation and issubclass(field.related_model, TenantModel)
            kept = isinstance(field, TenantForeignKey) and (model._meta.db_table, field.column) in composite
            if inside and not kept:
                yield f"{model.__name__}.{field.name}: no composite foreign key"


def _login_role() -> Iterator[str]:
    role = settings.DATABASES["default"]["USER"]
    ((attributes,),) = _rows(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = %s",
        role,
    )
    if attributes:
        yield f"{role}: may do more than log in"
    for name in sorted(
        _names(
            "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = %s AND relkind <> 'i' "
            "AND relpersistence <> 't'",
            role,
        )
    ):
        yield f"{role}: owns {name}"
    for name in sorted(_names("SELECT proname FROM pg_proc WHERE pg_get_userbyid(proowner) = %s", role)):
        yield f"{role}: owns the function {name}"
    for name in sorted(
        _names("SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE pg_get_userbyid(member) = %s", role)
    ):
        yield f"{role}: is a member of {name}"
    if _rows("SELECT 1 WHERE has_schema_privilege(%s, 'public', 'CREATE')", role):
        yield f"{role}: may create in the schema"


def _rights() -> Iterator[str]:
    role = settings.DATABASES["default"]["USER"]
    for table, right in _rows(
        """
        SELECT relname, privilege FROM pg_class, unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
         WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
           AND has_table_privilege(%s, pg_class.oid, privilege)
        """,
        role,
    ):
        yield f"{role}: has {right} on {table}"
    for table, right in _rows(
        "SELECT table_name::text, privilege_type::text FROM information_schema.table_privileges "
        "WHERE grantee IN (%s, 'PUBLIC') AND table_name = ANY (%s)",
        role,
        sorted(MATCH_ONLY),
    ):
        yield f"{role}: has {right} on {table}, which the match role keeps for itself"
    for table in ("audit_auditevent", "audit_securityevent", "audit_trailhead"):
        for right in ("UPDATE", "DELETE"):
            if _rows("SELECT 1 WHERE has_table_privilege(%s, %s, %s)", role, table, right):
                yield f"{role}: has {right} on {table}"


def _bypass() -> Iterator[str]:
    ours = [settings.DATABASES["default"]["USER"], _owner(), settings.DATABASE_MATCH_ROLE]
    for role in sorted(
        _names("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolbypassrls OR rolsuper)", ours)
    ):
        yield f"{role}: bypasses row-level security"
    if _rows(
        "SELECT 1 WHERE NOT has_database_privilege(%s, current_database(), 'TEMPORARY')",
        settings.DATABASE_MATCH_ROLE,
    ):
        yield f"{settings.DATABASE_MATCH_ROLE}: may not make work tables (GRANT TEMPORARY ON DATABASE)"
    if _rows("SELECT 1 FROM pg_roles WHERE rolname = %s AND rolcanlogin", settings.DATABASE_MATCH_ROLE):
        yield f"{settings.DATABASE_MATCH_ROLE}: may log in"


def _functions() -> Iterator[str]:
    owners = {_owner(), settings.DATABASE_MATCH_ROLE}
    for name, owner, config, public in _rows(
        """
        SELECT proname, pg_get_userbyid(proowner), coalesce(proconfig::text, ''),
               EXISTS (SELECT 1 FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
          FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
        """
    ):
        if owner not in owners:
            yield f"{name}: SECURITY DEFINER of {owner}"
        if "search_path=public, pg_temp" not in config:
            yield f"{name}: SECURITY DEFINER without a fixed search_path"
        if public:
            yield f"{name}: SECURITY DEFINER, and PUBLIC may execute it"


def _views() -> Iterator[str]:
    for name in sorted(
        _names(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND (relkind = 'm' OR relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false))"
        )
    ):
        yield f"{name}: a view that shows more than its reader may see"
