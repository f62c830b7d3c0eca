"""Migration operations that make a table a tenant table: keys, row-level security, privileges."""

from typing import Any

from django.conf import settings
from django.db import migrations

from core.fields import TenantForeignKey

TENANT = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
PERSON = "NULLIF(current_setting('app.user_id', true), '')::uuid"


def app_role() -> str:
    return settings.DATABASES["default"]["USER"]


def match_role() -> str:
    return settings.DATABASE_MATCH_ROLE


class TenantTable(migrations.operations.base.Operation):
    """Write what keeps a table's rows apart: key (tenant_id, id), composite foreign keys, FORCE and policies.

    Runs right after the CreateModel of the table; a column added later has its own `TenantReference`.
    `two_sided`: columns of the two workspaces that share a row, instead of tenant_id; the key stays `id`.
    `sees`, `writes`: SQL conditions in place of plain equality with the context.
    `match`: the match role may read and write it too.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(
        self,
        model_name: str,
        *,
        two_sided: tuple[str, ...] = (),
        sees: str = "",
        writes: str = "",
        match: bool = False,
    ) -> None:
        self.model_name, self.two_sided, self.match = model_name, two_sided, match
        plain = " OR ".join(f"{column} = {TENANT}" for column in two_sided or ["tenant_id"])
        self.sees, self.writes = sees or plain, writes or plain

    def deconstruct(self) -> tuple[str, list, dict[str, Any]]:
        return self.__class__.__name__, [self.model_name], {"two_sided": self.two_sided, "match": self.match}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        if not self.two_sided and any(field.name == "tenant" for field in model._meta.fields):
            schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
            schema_editor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (tenant_id, id)"
            )
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                schema_editor.deferred_sql.append(reference_sql(table, field))
        for statement in self._policies(table):
            schema_editor.execute(statement)

    def _policies(self, table: str) -> list[str]:
        statements = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY see ON {table} FOR SELECT USING ({self.sees})",
            f"CREATE POLICY add ON {table} FOR INSERT WITH CHECK ({self.writes})",
            f"CREATE POLICY change ON {table} FOR UPDATE USING ({self.writes}) WITH CHECK ({self.writes})",
            f"CREATE POLICY remove ON {table} FOR DELETE USING ({self.writes})",
            f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        ]
        if self.match:
            role = match_role()
            statements += [
                f"CREATE POLICY match ON {table} TO {role} USING (true) WITH CHECK (true)",
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}",
            ]
        return statements

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Policies only, because functions that go next are named in them; the rest goes with the table."""
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for policy in ("see", "add", "change", "remove", "owner", "match"):
            schema_editor.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")

    def describe(self) -> str:
        return f"Keep the rows of {self.model_name} apart"


class MatchTable(migrations.operations.base.Operation):
    """A table that the match role keeps for itself: the application's login may not even read it."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> tuple[str, list, dict]:
        return self.__class__.__name__, [self.model_name], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for statement in (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"REVOKE ALL ON {table} FROM {app_role()}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {match_role()}",
            f"CREATE POLICY match ON {table} TO {match_role()} USING (true) WITH CHECK (true)",
            f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        ):
            schema_editor.execute(statement)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for policy in ("match", "owner"):
            schema_editor.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")

    def describe(self) -> str:
        return f"Keep {self.model_name} for the match role"


class TenantReference(migrations.operations.base.Operation):
    """The composite foreign key of a TenantForeignKey that was added to an existing tenant table."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name, self.field_name = model_name, field_name

    def deconstruct(self) -> tuple[str, list, dict]:
        return self.__class__.__name__, [self.model_name, self.field_name], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.execute(reference_sql(model._meta.db_table, model._meta.get_field(self.field_name)))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        column = model._meta.get_field(self.field_name).column
        schema_editor.execute(
            f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {model._meta.db_table}_{column}_tenant"
        )

    def describe(self) -> str:
        return f"Keep {self.model_name}.{self.field_name} inside its workspace"


def reference_sql(table: str, field: TenantForeignKey) -> str:
    target = field.related_model._meta.db_table
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{field.column}_tenant FOREIGN KEY (tenant_id, {field.column}) "
        f"REFERENCES {target} (tenant_id, id) ON DELETE {field.on_row_delete} DEFERRABLE INITIALLY DEFERRED"
    )


class MatchOnlyFunction(migrations.RunSQL):
    """Runs as its caller, and only the match role may call it: in other hands it would see one workspace's rows."""

    def __init__(self, signature: str, sql: str) -> None:
        statements = [
            sql,
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC, {app_role()}",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {match_role()}",
        ]
        super().__init__(
            [(statement, None) for statement in statements], [(f"DROP FUNCTION IF EXISTS {signature}", None)]
        )


class DefinerFunction(migrations.RunSQL):
    """A SECURITY DEFINER function: fixed search_path, not executable by PUBLIC, granted to the application.

    `signature`: name with argument types, e.g. "core_is_mine(uuid)". `as_match`: owned by the match role, which may
    then read the tables that were opened to it with `TenantTable(match=True)`; else by the owner of the schema.
    A trigger that `sql` makes with it goes with it.
    """

    def __init__(self, signature: str, sql: str, *, as_match: bool = False) -> None:
        cascade = " CASCADE" if "CREATE TRIGGER" in sql else ""
        statements = [
            sql,
            f"ALTER FUNCTION {signature} SECURITY DEFINER SET search_path = public, pg_temp",
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {app_role()}",
        ]
        if as_match:
            # To be given away, a function needs a receiver who may create in its schema: for this moment only.
            statements += [
                f"GRANT CREATE ON SCHEMA public TO {match_role()}",
                f"ALTER FUNCTION {signature} OWNER TO {match_role()}",
                f"REVOKE CREATE ON SCHEMA public FROM {match_role()}",
            ]
        super().__init__(
            [(statement, None) for statement in statements],
            [(f"DROP FUNCTION IF EXISTS {signature}{cascade}", None)],
        )
