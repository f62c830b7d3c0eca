"""The application's backend, which empties its tables between tests by the row.

`flush` truncates, and new files for all tables and indexes take a quarter of a second; a test leaves few rows.
"""

from django.db import transaction

from config.postgres import base

KEPT = "django_migrations", "django_content_type", "auth_permission"  # what migrating wrote
TABLES = """
    SELECT oid::regclass::text FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> ALL (%s)
"""
DELETE_TRIGGERS = """
    SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger
     WHERE NOT tgisinternal AND tgtype & 8 <> 0 AND tgenabled = 'O'
"""


class DatabaseOperations(base.DatabaseOperations):
    def sql_flush(self, *args, **options) -> list[str]:
        return []  # so nobody writes anew what is kept

    def execute_sql_flush(self, sql_list) -> None:
        database = self.connection
        with database.as_owner(), transaction.atomic(database.alias), database.cursor() as cursor:
            cursor.execute(DELETE_TRIGGERS)
            triggers = cursor.fetchall()
            for table, trigger in triggers:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            cursor.execute(TABLES, [list(KEPT)])
            tables = [table for (table,) in cursor.fetchall()]
            # One statement: a row may go with those that refer to it, and no key is set to null before.
            deleted = (f"of_{number} AS (DELETE FROM {table})" for number, table in enumerate(tables))
            cursor.execute(f"WITH {', '.join(deleted)} SELECT")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that wait can't be altered
            for table, trigger in triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
