"""Django's PostgreSQL backend, logged in as the restricted role; `as_owner()` is the way to the other one.

So tests create and migrate their database as the owner and then run as the application does in production.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.backends.postgresql import base, client, creation, operations


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(cls, settings_dict, parameters):
        (_psql, *args), env = super().settings_to_cmd_args_env(settings_dict, parameters)
        if server := settings_dict.get("LOCAL_SERVER"):
            server.make_ready()
            return [str(server.bin / "psql"), *args], env
        return [cls.executable_name, *args], env


class DatabaseCreation(creation.DatabaseCreation):
    def create_test_db(self, *args, **kwargs):
        with self.connection.as_owner():
            return super().create_test_db(*args, **kwargs)

    def clone_test_db(self, *args, **kwargs):
        with self.connection.as_owner():
            return super().clone_test_db(*args, **kwargs)

    def destroy_test_db(self, *args, **kwargs):
        with self.connection.as_owner():
            return super().destroy_test_db(*args, **kwargs)


TRUNCATE_TRIGGERS = """
    SELECT tgrelid::regclass::text, quote_ident(tgname), tgenabled
      FROM pg_trigger
     WHERE NOT tgisinternal AND tgtype & 32 <> 0 AND tgenabled <> 'D'
       AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
"""
ENABLE = {"O": "ENABLE TRIGGER", "A": "ENABLE ALWAYS TRIGGER", "R": "ENABLE REPLICA TRIGGER"}


class DatabaseOperations(operations.DatabaseOperations):
    def execute_sql_flush(self, sql_list):
        """Before a new demo: jobs too, and tables that refuse TRUNCATE by a trigger."""
        database = self.connection
        with database.as_owner(), transaction.atomic(database.alias), database.cursor() as cursor:
            cursor.execute(TRUNCATE_TRIGGERS)
            triggers = cursor.fetchall()
            for table, trigger, _ in triggers:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            for sql in [*sql_list, *self._sql_flush_unmanaged(cursor)]:
                cursor.execute(sql)
            for table, trigger, enabled in triggers:
                cursor.execute(f"ALTER TABLE {table} {ENABLE[enabled]} {trigger}")

    def _sql_flush_unmanaged(self, cursor):
        existing = {
            table.name for table in self.connection.introspection.get_table_list(cursor) if table.type in "tp"
        }
        unmanaged = {model._meta.db_table for model in apps.get_models() if not model._meta.managed}
        caches = {cache.get("LOCATION") for cache in settings.CACHES.values()}
        # A worker may be running: without its row, it would end at its next job.
        tables = sorted(((unmanaged | caches) - {"procrastinate_workers"}) & existing)
        return [f"TRUNCATE {', '.join(map(self.quote_name, tables))}"] if tables else []


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    ops_class = DatabaseOperations
    _ready: set[str] = set()

    @contextmanager
    def as_owner(self) -> Iterator[None]:
        """Reconnect as the owner of the schema for the block; not inside a transaction."""
        shared = self.settings_dict
        owner = shared.get("OWNER")
        if not owner:
            raise ImproperlyConfigured("This needs the role that owns the schema: set DATABASE_OWNER_URL.")
        if shared["USER"] == owner["USER"]:
            yield
            return
        if self.in_atomic_block:
            raise transaction.TransactionManagementError("as_owner() can't be used inside a transaction.")
        self.close()
        # A copy: the other threads share the dictionary, and must go on as the application. Without the pool,
        # because pools are kept by alias and that one is the application's.
        options = {key: value for key, value in shared["OPTIONS"].items() if key != "pool"}
        self.settings_dict = {**shared, **owner, "OPTIONS": options}
        try:
            yield
        finally:
            self.close()
            shared["NAME"] = self.settings_dict["NAME"]  # making a test database changes it
            self.settings_dict = shared

    def get_connection_params(self):
        # Here and not in get_new_connection: the worker asks for the parameters and connects by itself.
        server = self.settings_dict.get("LOCAL_SERVER")
        if server is not None and str(server.wanted) not in self._ready:
            server.make_ready()
            self._ready.add(str(server.wanted))
        return super().get_connection_params()
