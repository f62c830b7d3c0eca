"""Matching by stored keys, what each side may see of it, and what follows every change of an account."""

from django.db import migrations

from core.operations import DefinerFunction, MatchOnlyFunction, match_role
from overlaps.sql import functions, triggers

# For everybody: they know nothing, or run under the caller's policies.
PLAIN = {
    "overlaps_pair_of": "uuid, uuid",
    "overlaps_signature": "overlaps_account",
    "overlaps_touch": "uuid[], uuid",
    "overlaps_account_added": "",
    "overlaps_account_removed": "",
    "overlaps_account_changed": "",
}
SHOW = "uuid, boolean, uuid, uuid, uuid, uuid, jsonb, integer, uuid[]"
INNER = {
    "overlaps_shown": "jsonb, text[]",
    "overlaps_rules": "uuid, uuid",
    "overlaps_begin": "",
    "overlaps_done": "",
    "overlaps_find": "partners_connection, uuid[], uuid[]",
    "overlaps_obey": "partners_connection, uuid[], uuid[]",
    "overlaps_gather": "uuid, uuid[]",
    "overlaps_count": "uuid, integer, uuid[]",
    "overlaps_label": "uuid, uuid[]",
    "overlaps_among": "uuid, uuid[]",
    "overlaps_rows_of": "uuid, uuid, uuid[]",
    "overlaps_rematch": "partners_connection, uuid[], uuid[]",
    "overlaps_disclose": "partners_connection, uuid, uuid[]",
    "overlaps_show": SHOW,
    "overlaps_show_all": SHOW.removesuffix(", uuid[]"),
    "overlaps_suggest": SHOW,
    "overlaps_tell_counts": "uuid, boolean, uuid, uuid, jsonb, integer",
    "overlaps_allowance": "uuid, uuid, uuid",
    "overlaps_raise": "uuid, uuid, text, jsonb",
    "overlaps_is_probing": "uuid, uuid",
    "overlaps_watch": "partners_connection, uuid, uuid[]",
    "overlaps_own_connection": "uuid",
    "overlaps_decide": "uuid, uuid, uuid, smallint, text",
}
DOORS = {
    "overlaps_refresh_mine": "",
    "overlaps_refresh": "uuid",
    "overlaps_refresh_stale": "integer",
    "overlaps_connection_changed": "",
    "overlaps_judge": "uuid, smallint, text",
    "overlaps_match_by_hand": "uuid, uuid, text",
    "overlaps_answer": "uuid, smallint, text",
    "overlaps_take_back": "uuid, uuid",
    "overlaps_tally_added": "",
    "overlaps_tally_removed": "",
    "overlaps_tally_changed": "",
}
TEXT = functions("matching", "disclosure", "triggers", "doors")
# Databases that were made before the match role had work tables. The owner of the schema owns the database, too.
MAY_WORK = f"""
DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO {match_role()}', current_database()); END $$
"""
# For the owner of the tables to do: tables that have just grown by a list look small to the planner until somebody says
# otherwise. Where somebody else is at it, it is skipped.
ANALYSE = """
CREATE FUNCTION overlaps_analyse() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE (SKIP_LOCKED) overlaps_match;
    ANALYZE (SKIP_LOCKED) overlaps_overlap;
END $$
"""
TRIGGERS = triggers("triggers", "doors")


def operation(name: str) -> migrations.RunSQL:
    # A trigger is made with its function, which is still the owner's then.
    text = f"{TEXT[name]}\n{TRIGGERS.get(name, '')}"
    if name in PLAIN:
        return migrations.RunSQL(text, f"DROP FUNCTION {name}({PLAIN[name]}) CASCADE")
    if name in INNER:
        return MatchOnlyFunction(f"{name}({INNER[name]})", text)
    return DefinerFunction(f"{name}({DOORS[name]})", text, as_match=True)


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0003_account_mapping"), ("partners", "0002_sharing")]

    operations = [
        migrations.RunSQL(MAY_WORK, migrations.RunSQL.noop),
        DefinerFunction("overlaps_analyse()", ANALYSE),
        migrations.RunSQL(
            f"GRANT EXECUTE ON FUNCTION overlaps_analyse() TO {match_role()}", migrations.RunSQL.noop
        ),
        *(operation(name) for name in TEXT if name in PLAIN | INNER | DOORS),  # others came later
    ]
