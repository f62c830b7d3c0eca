"""What a database administrator does once: three roles, one database. Plain SQL for PostgreSQL 15 to 18."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import psycopg

MATCH_ROLE = "cosell_match"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Names:
    """The owner migrates, the application logs in, the match role owns the matching functions."""

    database: str = "cosell"
    owner: str = "cosell_owner"
    app: str = "cosell_app"
    match: str = MATCH_ROLE

    @classmethod
    def of(cls, settings_dict: Mapping) -> Self:
        owner = (settings_dict.get("OWNER") or {}).get("USER") or cls.owner
        return cls(database=settings_dict["NAME"] or cls.database, owner=owner, app=settings_dict["USER"])


def role_statements(names: Names) -> list[str]:
    """Idempotent. CREATEDB is what the owner needs for test databases; nothing else uses it."""
    owner, app, match = (identifier(name) for name in (names.owner, names.app, names.match))
    return [
        *(
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            for role in (
                f"{owner} LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS",
                f"{app} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE",
                f"{match} NOLOGIN NOSUPERUSER NOBYPASSRLS",
            )
        ),
        # The owner may hand functions to the match role; since PostgreSQL 16 without having its rights.
        f"DO $$ BEGIN EXECUTE 'GRANT {match} TO {owner}' || CASE WHEN "
        "current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' "
        "ELSE '' END; END $$",
    ]


def database_statements(names: Names) -> list[str]:
    """Each on its own, outside a transaction."""
    owner, app, match, database = map(identifier, (names.owner, names.app, names.match, names.database))
    return [
        f"CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app}",
        f"GRANT TEMPORARY ON DATABASE {database} TO {match}",  # work tables of a match
    ]


def schema_statements(names: Names) -> list[str]:
    """Inside the database. The grant option is for handing functions over: who gets them needs CREATE."""
    return [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {identifier(names.owner)} WITH GRANT OPTION",
    ]


def as_script(names: Names) -> str:
    """For psql, by a superuser or by a role with CREATEROLE and CREATEDB; may be run again."""
    owner, app = identifier(names.owner), identifier(names.app)
    create, *grants = database_statements(names)
    lines = [
        "-- Run once with psql on PostgreSQL 15 to 18, as a superuser or the managed server's admin role.",
        *(f"{statement};" for statement in role_statements(names)),
        f"\\password {owner}",
        f"\\password {app}",
        f"GRANT {owner} TO CURRENT_USER;",
        f"SELECT {literal(create)}",
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(names.database)}) \\gexec",
        *(f"{statement};" for statement in grants),
        f"\\connect {identifier(names.database)}",
        *(f"{statement};" for statement in schema_statements(names)),
        f"REVOKE {owner} FROM CURRENT_USER;",
    ]
    return "\n".join(lines)


def create_all(url: str, names: Names, passwords: Mapping[str, str]) -> None:
    """The same as `as_script`, done now; `url` leads to any database of the server."""
    owner = identifier(names.owner)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as server:
        for statement in role_statements(names):
            server.execute(statement)
        for role, password in passwords.items():
            server.execute(f"ALTER ROLE {identifier(role)} PASSWORD {literal(password)}")
        server.execute(f"GRANT {owner} TO CURRENT_USER")
        create, *grants = database_statements(names)
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [names.database]).fetchone():
            server.execute(create)
        for statement in grants:
            server.execute(statement)
        with psycopg.connect(url, dbname=names.database, autocommit=True, connect_timeout=10) as database:
            for statement in schema_statements(names):
                database.execute(statement)
        server.execute(f"REVOKE {owner} FROM CURRENT_USER")
