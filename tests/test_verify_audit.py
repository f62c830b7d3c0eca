"""No tampering stays hidden: in the database, and in a customer's export with the standalone script."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import tasks
from audit.actions import Action
from audit.checkpoints import Checkpoint
from audit.export import Export
from audit.models import SECURITY_TRAIL, AuditEvent, SecurityEvent
from audit.verification import Verification
from audit.verifier import verify_audit_export as script
from core.tenancy import tenant_context

FIELDS = script.FIELDS


def fill(member, events: int) -> None:
    actions = [action for action in Action if not action.is_personal]
    with tenant_context(member.tenant, by=member):
        for number in range(events):
            AuditEvent.record(
                actions[number % len(actions)],
                by=member,
                target=member.user,
                changes={"name": [f"Straße {number}", "東京 🏯"], "n": number},
            )


def exported(member, **chosen) -> list[str]:
    with tenant_context(member.tenant, by=member):
        export = Export.begin(by=member, format="jsonl", chosen=chosen)
    return "".join(export.lines()).splitlines(keepends=True)


def check(lines: list[str], **known: str) -> list[str]:
    end = script.parse(lines[-1].rstrip("\n"), script.END) if lines else None
    return list(script.Export(lines, end, {int(seq[1:]): digest for seq, digest in known.items()}).problems())


# -- the export, by the script -------------------------------------------------------------------------------


@pytest.fixture
def lines(ada):
    fill(ada, 60)
    return exported(ada)


def test_an_untouched_export_is_whole(lines):
    assert check(lines) == []


def test_a_filtered_export_has_gaps_that_are_no_problem(ada, lines):
    selection = exported(ada, action="member.removed")

    assert len(selection) < 10
    assert check(selection) == []


def another(value, chance: random.Random):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 1000])
    place = chance.randrange(len(value) + 1)
    sign = chance.choice(["0", " ", "é", "\u200b", "\n", '"', "\x00"])
    cut = chance.choice([0, 1]) if value else 0
    changed = value[:place] + sign + value[place + cut :]
    return changed if changed != value else value + "x"


def edit(lines, chance):
    place = chance.randrange(len(lines))
    event = json.loads(lines[place])
    field = chance.choice(list(event))
    event[field] = another(event[field], chance)
    lines[place] = script.as_line(event) + "\n"


def edit_and_hash_anew(lines, chance):
    place = chance.randrange(len(lines) - 2)
    event = json.loads(lines[place])
    field = chance.choice(script.HASHED)
    event[field] = another(event[field], chance)
    event["hash"] = script.event_hash(event)
    lines[place] = script.as_line(event) + "\n"


def flip_a_byte(lines, chance):
    place = chance.randrange(len(lines))
    at = chance.randrange(len(lines[place]) - 1)
    line = lines[place]
    lines[place] = line[:at] + chr(ord(line[at]) ^ 1) + line[at + 1 :]


def delete(lines, chance):
    start = chance.randrange(len(lines))
    del lines[start : start + chance.randint(1, 3)]


def insert(lines, chance):
    event = json.loads(chance.choice(lines[:-1]))
    event["actor"] = "Mallory"
    event["hash"] = script.event_hash(event)
    lines.insert(chance.randrange(len(lines) + 1), script.as_line(event) + "\n")


def repeat(lines, chance):
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))


def swap(lines, chance):
    one, two = chance.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]


def cut_the_tail(lines, chance):
    end = lines[-1]
    del lines[chance.randrange(len(lines) - 1) :]
    if chance.random() < 0.7:
        lines.append(end)


def cut_the_tail_and_count_anew(lines, chance):
    end = json.loads(lines[-1])
    del lines[chance.randrange(1, len(lines) - 1) :]
    lines.append(script.as_line({**end, "count": len(lines)}) + "\n")


def smuggle(lines, chance):
    """What JSON readers take differently: a second value for a field, a field more, a number as text."""
    place = chance.randrange(len(lines))
    more = chance.choice(['"actor":"Mallory",', '"note":"x",', " "])
    lines[place] = lines[place].replace("{", "{" + more, 1)


TAMPERINGS = [
    edit,
    edit_and_hash_anew,
    flip_a_byte,
    delete,
    insert,
    repeat,
    swap,
    cut_the_tail,
    cut_the_tail_and_count_anew,
    smuggle,
]


def test_a_thousand_tamperings_are_found(lines):
    for seed in range(1000):
        chance = random.Random(seed)
        tampered = list(lines)
        tampering = TAMPERINGS[seed % len(TAMPERINGS)]
        tampering(tampered, chance)
        assert tampered != lines
        filtered_now = not tampered or '"filtered":true' in tampered[-1]
        assert filtered_now or check(tampered), f"{tampering.__name__} with seed {seed}"


def rewritten(lines) -> list[str]:
    """By somebody who knows how: one event changed, and all hashes from there on made anew."""
    events, head = [], ""
    for line in lines[:-1]:
        event = json.loads(line)
        event["prev_hash"] = head
        if event["seq"] == 5:
            event["actor"] = "Mallory"
        event["hash"] = head = script.event_hash(event)
        events.append(event)
    end = {**json.loads(lines[-1]), "head": head}
    return [script.as_line(values) + "\n" for values in [*events, end]]


def test_a_file_written_anew_is_found_by_what_is_known(lines):
    forged = rewritten(lines)
    seq, digest = 10, json.loads(lines[9])["hash"]

    assert check(forged) == []
    assert check(forged, **{f"n{seq}": digest}) == [
        "line 10: event 10 is another one than the event you know"
    ]
    assert check(lines, **{f"n{seq}": digest}) == []
    assert check(lines, n999=digest) == ["event 999, which you know, is missing"]


def run(path: Path, *args: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", script.__file__, str(path), *args], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_the_script_stands_alone(ada, lines, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(lines))
    known = f"10:{json.loads(lines[9])['hash']}"

    code, said = run(path, "--known", known)
    assert (code, said.splitlines()[0]) == (
        0,
        f"WHOLE: {len(lines) - 1} events; none was changed, removed, added or moved.",
    )

    path.write_text("".join(rewritten(lines)))
    assert run(path)[0] == 0
    assert run(path, "--known", known)[0] == 1

    path.write_text("".join(lines[:-1]))
    code, said = run(path)
    assert (code, said.splitlines()[0]) == (
        1,
        "the end line is missing: the file was cut, or the download broke off",
    )

    path.write_text("".join(exported(ada, actor="ada")))
    code, said = run(path)
    assert code == 2
    assert "filtered export" in said


@pytest.mark.parametrize(
    "content", [b"", b"Number,Time (UTC)\r\n1,2\r\n", b"\xff\xfe\x00", b"[" * 100_000, b"{}\n", b"9" * 9000]
)
def test_what_is_no_export_is_not_judged(tmp_path, content):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(content)

    assert run(path)[0] == 2
    assert run(tmp_path / "none")[0] == 2


# -- the database, by the command ----------------------------------------------------------------------------


def verified(*args, **options) -> int:
    try:
        call_command("verify_audit", *args, **options)
    except SystemExit as end:
        return end.code
    except CommandError as error:
        return error.returncode
    return 0


@pytest.fixture
def trails(transactional_db, ada, grace):
    fill(ada, 30)
    fill(grace, 12)
    for _ in range(8):
        SecurityEvent.record(Action.SIGNED_IN, by=ada.user)
    return [ada.tenant, grace.tenant]


@pytest.fixture
def owner(trails):
    """A cursor with all rights, the triggers switched off, and everything undone at the end."""
    with connection.as_owner(), transaction.atomic():
        with connection.cursor() as cursor:
            for name in ("chain", "final", "whole"):
                for table in ("audit_auditevent", "audit_securityevent"):
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
            yield cursor
        transaction.set_rollback(True)


def found() -> list[str]:
    return [line for line in Verification().problems() if "switched off" not in line]


def test_untouched_trails_are_in_order(trails, capsys):
    assert verified() == 0
    assert capsys.readouterr().out.strip().endswith("in 3 trails: in order.")
    assert verified(workspace="acme") == 0
    assert verified(workspace="nobody") == 2


NOVELTIES = {
    "at": "at + interval '1 microsecond'",
    "id": "gen_random_uuid()",
    "tenant_id": "'{other}'",
    "actor_id": "CASE WHEN actor_id IS NULL THEN gen_random_uuid() END",
    "seq": "seq + 1000",
    "hash": "reverse(hash)",
    "prev_hash": "md5(prev_hash)",
    "action": "action || ' '",
}
COLUMNS = [field for field in FIELDS if field != "trail"]


def test_each_column_of_each_table_is_watched(owner, trails):
    for table, only in (
        ("audit_auditevent", f"tenant_id = '{trails[0].pk}' AND seq = 7"),
        ("audit_securityevent", "seq = 4"),
    ):
        columns = [*COLUMNS, "tenant_id"] if table == "audit_auditevent" else COLUMNS
        for column in columns:
            new = NOVELTIES.get(column, f"left({column} || 'x', 3) || '~'").format(other=trails[1].pk)
            where = only
            if column == "tenant_id":  # moved to where its number is free
                where = f"tenant_id = '{trails[0].pk}' AND seq = 25"
            with transaction.atomic():
                owner.execute(f"UPDATE {table} SET {column} = {new} WHERE {where}")
                assert owner.rowcount == 1
                assert found(), f"{table}.{column}"
                transaction.set_rollback(True)
    assert found() == []


def test_rows_that_go_come_or_change_places_are_found(owner, trails):
    tenant = trails[0].pk
    for name, statements, said in [
        (
            "delete",
            [f"DELETE FROM audit_auditevent WHERE tenant_id = '{tenant}' AND seq = 9"],
            "event 9 is missing",
        ),
        (
            "cut",
            [f"DELETE FROM audit_auditevent WHERE tenant_id = '{tenant}' AND seq > 20"],
            "are missing at the end",
        ),
        (
            "cut, with its head",
            [
                f"DELETE FROM audit_auditevent WHERE tenant_id = '{tenant}' AND seq > 20",
                f"UPDATE audit_trailhead SET seq = 20 WHERE trail = '{tenant}'",
            ],
            "its head does not belong to event 20",
        ),
        ("all", [f"DELETE FROM audit_auditevent WHERE tenant_id = '{tenant}'"], "are missing"),
        ("head", [f"DELETE FROM audit_trailhead WHERE trail = '{tenant}'"], "its head is missing"),
        (
            "swap",
            [
                f"UPDATE audit_auditevent SET seq = seq + 100 WHERE tenant_id = '{tenant}' AND seq IN (3, 4)",
                f"UPDATE audit_auditevent SET seq = 107 - seq WHERE tenant_id = '{tenant}' AND seq > 100",
            ],
            "is not as it was written",
        ),
        (
            "insert",
            [
                "INSERT INTO audit_auditevent (id, tenant_id, seq, at, action, actor, on_behalf_of, also_in, "
                "target_type, target_id, target, changes, ip, agent, prev_hash, hash) "
                f"SELECT gen_random_uuid(), tenant_id, seq + 1, at, action, actor, on_behalf_of, also_in, target_type, "
                "target_id, target, changes, ip, agent, hash, hash FROM audit_auditevent "
                f"WHERE tenant_id = '{tenant}' ORDER BY seq DESC LIMIT 1"
            ],
            "is not as it was written",
        ),
        (
            "time",
            [f"UPDATE audit_auditevent SET at = 'infinity' WHERE tenant_id = '{tenant}' AND seq = 2"],
            "event 2 ",
        ),
    ]:
        with transaction.atomic():
            for statement in statements:
                owner.execute(statement)
            problems = found()
            assert any(said in problem and problem.startswith("acme: ") for problem in problems), (
                name,
                problems,
            )
            transaction.set_rollback(True)


def test_triggers_that_are_switched_off_are_told(owner):
    assert len([line for line in Verification().problems() if "switched off" in line]) == 6


REWRITE = """
DO $$
DECLARE event record; last text := ''; trail uuid := '{trail}';
BEGIN
    FOR event IN SELECT * FROM audit_auditevent WHERE tenant_id = trail ORDER BY seq LOOP
        UPDATE audit_auditevent SET prev_hash = last, hash = encode(sha256(convert_to(audit_canonical(
            trail::text, seq::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), id::text, action,
            coalesce(actor_id::text, ''), actor, on_behalf_of, also_in, target_type, target_id, target, changes, ip,
            agent, last), 'UTF8')), 'hex')
        WHERE tenant_id = trail AND seq = event.seq RETURNING hash INTO last;
    END LOOP;
    UPDATE audit_trailhead h SET hash = last WHERE h.trail = '{trail}';
END $$
"""


def test_a_history_written_anew_is_found_by_a_checkpoint(trails, owner, tmp_path):
    path = Checkpoint.take().write_into(tmp_path)
    tenant = trails[0].pk
    owner.execute(f"UPDATE audit_auditevent SET actor = 'Mallory' WHERE tenant_id = '{tenant}' AND seq = 3")
    owner.execute(REWRITE.format(trail=tenant))

    assert found() == []
    known = Verification(checkpoints=[Checkpoint.read(path)])
    assert [line for line in known.problems() if "switched off" not in line] == [
        f"acme: event {last_of(tenant, path)} is another one than the checkpoint knows"
    ]


def last_of(trail, path) -> int:
    return Checkpoint.read(path).heads[str(trail)][0]


def test_a_trail_that_vanished_with_its_head_is_found_by_a_checkpoint(trails, owner, tmp_path):
    path = Checkpoint.take().write_into(tmp_path)
    owner.execute("DELETE FROM audit_securityevent")
    owner.execute(f"DELETE FROM audit_trailhead WHERE trail = '{SECURITY_TRAIL}'")

    known = Verification(checkpoints=[Checkpoint.read(path)])
    assert "says the checkpoint" in [line for line in known.problems() if line.startswith("security: ")][0]


def test_the_command_writes_and_reads_checkpoints(trails, tmp_path):
    path = tmp_path / "then"
    assert verified(write_checkpoint=path) == 0
    assert verified(checkpoint=[path]) == 0

    path.write_text(path.read_text().replace('"at"', '"At"'))
    assert verified(checkpoint=[path]) == 2
    assert verified(checkpoint=[tmp_path / "none"]) == 2
    assert verified(write_checkpoint=tmp_path / "no" / "folder") == 2


def test_the_command_says_what_is_wrong_and_ends_with_1(trails, capsys):
    sql = f"UPDATE audit_auditevent SET actor = '%s' WHERE tenant_id = '{trails[1].pk}' AND seq = 3"
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER final")
        cursor.execute(sql % "Mallory")
        cursor.execute("ALTER TABLE audit_auditevent ENABLE TRIGGER final")

    assert verified() == 1
    assert capsys.readouterr().out.splitlines()[0] == "globex: event 3 is not as it was written"
    assert verified(workspace="acme") == 0


def test_the_hourly_job_writes_a_checkpoint_where_a_folder_is_named(trails, settings, tmp_path):
    settings.AUDIT_CHECKPOINT_DIR = ""
    tasks.write_checkpoint(timestamp=0)
    settings.AUDIT_CHECKPOINT_DIR = str(tmp_path / "kept")
    tasks.write_checkpoint(timestamp=0)

    (path,) = (tmp_path / "kept").iterdir()
    assert set(Checkpoint.read(path).heads) >= {str(tenant.pk) for tenant in trails}


def test_without_the_owner_it_says_that_it_can_not_check(db, monkeypatch):
    monkeypatch.delitem(connection.settings_dict, "OWNER")

    with pytest.raises(CommandError, match="set DATABASE_OWNER_URL") as refused:
        call_command("verify_audit")

    assert refused.value.returncode == 2
