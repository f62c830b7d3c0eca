"""The DATABASES entry of a PostgreSQL server of your own."""

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

LOGIN = ("USER", "PASSWORD", "HOST", "PORT")


def database_from_url(url: str, owner_url: str | None = None) -> dict:
    """`url` logs in the application's restricted role, `owner_url` the role that owns the schema.

    Only what changes the schema needs the second: a release step and tests, not the web and the worker.
    """
    database = _parse("DATABASE_URL", url) | {"ENGINE": "config.postgres", "CONN_MAX_AGE": 60}
    database["CONN_HEALTH_CHECKS"] = True
    database["OPTIONS"] = {"connect_timeout": 10} | database.get("OPTIONS", {})
    database["TEST"] = {"TEMPLATE": "template0"}
    if owner_url:
        owner = _parse("DATABASE_OWNER_URL", owner_url)
        if owner["NAME"] != database["NAME"]:
            raise ImproperlyConfigured("DATABASE_OWNER_URL and DATABASE_URL name different databases.")
        database["OWNER"] = {key: owner[key] for key in LOGIN}
    return database


def _parse(variable: str, url: str) -> dict:
    try:
        database = dj_database_url.parse(url)
    except (ValueError, KeyError) as error:
        raise ImproperlyConfigured(
            f"{variable} can't be read: write postgresql://user:password@host/name."
        ) from error
    if "postgresql" not in database.get("ENGINE", "") or not database.get("NAME"):
        raise ImproperlyConfigured(f"{variable} must be postgresql://user:password@host/name.")
    return database
