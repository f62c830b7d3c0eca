"""`manage.py match_lists`: the engine on two files."""

import csv
import gzip
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

MINE = """id,name,website,country
1,Velatra Foods GmbH,velatra.com,DE
2,Marrow Tools,,GB
3,Quillon,,
4,Global Fund,,US
"""
THEIRS = """id,name,website,country
a,VELATRA FOODS,https://www.velatra.com/en,Germany
b,Marrow Tools Ltd,,United Kingdom
c,Quillon SA,,FR
d,Other,gmail.com,
"""
pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path):
    """Writes both files and matches them; gives back the rows of pairs."""

    def _files(
        mine: str | bytes = MINE, theirs: str | bytes = THEIRS, name: str = "mine.csv", **options
    ) -> list[dict]:
        paths = [tmp_path / name, tmp_path / "theirs.csv"]
        for path, text in zip(paths, (mine, theirs), strict=True):
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        out = tmp_path / "pairs.csv"
        call_command("match_lists", *paths, out=out, stderr=io.StringIO(), **options)
        return list(csv.DictReader(out.open(newline="", encoding="utf-8")))

    return _files


def pairs(rows: list[dict]) -> list[tuple]:
    return [tuple(row.values()) for row in rows]


SURE = [("1", "a", "domain", "0.99"), ("2", "b", "name_country", "0.95")]


def test_pairs_that_confirm_themselves_are_written(files):
    assert pairs(files()) == SURE


def test_suggestions_too_if_asked_for(files):
    assert pairs(files(suggestions=True)) == [*SURE, ("3", "c", "name_weak", "0.78")]


def test_to_the_screen_where_no_file_is_named(files, tmp_path, capsys):
    files()
    call_command(
        "match_lists", tmp_path / "mine.csv", tmp_path / "theirs.csv", stderr=(said := io.StringIO())
    )
    assert capsys.readouterr().out.splitlines() == [
        "mine_id,theirs_id,rule,confidence",
        *(",".join(pair) for pair in SURE),
    ]
    assert "4 and 4 rows: 2 pairs that confirm themselves" in said.getvalue()


@pytest.mark.parametrize(
    "mine",
    [
        "\ufeff" + MINE,
        MINE.replace("id,name,website,country", "Record ID,Company name,Company Domain Name,Country/Region"),
        MINE.replace(",", ";"),
        MINE.replace(",", "\t"),
        MINE.replace("\n", "\r\n"),
        MINE.replace("\n", "\n\n"),
        MINE.encode("utf-16"),
        gzip.compress(MINE.encode()),
        "\n".join(",".join(line.split(",")[::-1]) for line in MINE.splitlines()),
        MINE.replace("3,Quillon,,\n", "3,Quillon\n"),
    ],
    ids="mark aliases semicolons tabs crlf empty-lines utf-16 gzip order short-row".split(),
)
def test_files_as_programs_write_them(files, mine):
    assert pairs(files(mine)) == SURE


def test_a_company_number_decides(files):
    rows = files(
        "id,name,country,LEI\n1,Velatra,,HWUPKR0MPOU8FGXBT394\n2,Marrow Tools,GB,\n",
        "id,name,country,company number\na,Something else,,LEI HWUPKR0MPOU8FGXBT394\nb,Marrow Tools,GB,\n",
    )
    assert pairs(rows) == [("1", "a", "number", "1.00"), ("2", "b", "name_country", "0.95")]


def test_ids_come_back_as_they_were(files):
    ids = ['a,"b"', "tab\tid", "back\\slash", "ü 1", "\\N", " spaced "]
    text = io.StringIO()
    csv.writer(text).writerows(
        [["id", "name", "country"], *([id, f"Velatra Number{n}", "DE"] for n, id in enumerate(ids))]
    )
    rows = files(text.getvalue(), text.getvalue())
    assert sorted((row["mine_id"], row["theirs_id"]) for row in rows) == sorted(zip(ids, ids, strict=True))


def test_nothing_stays(files):
    files()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('pg_temp.overlaps_matchkey'), (SELECT count(*) FROM overlaps_matchkey)"
        )
        assert cursor.fetchone() == (None, 0)


@pytest.mark.parametrize(
    ("mine", "says"),
    [
        ("", "is empty"),
        ("id,name\n", "has no rows"),
        ("id,company number\n1,x\n", "has no column “name”"),
        ("number,name\n1,x\n", "has no column “id”"),
        ("id,name\n1,Velatra\n1,Marrow\n", "has the id '1' more than once"),
        ("id,name\n1,Velatra\n,Marrow\n", "line 3 has no id"),
        ("id,name\n1\0,Velatra\n", "NUL"),
        ("id,name\n1,M\xfcller\n".encode("latin-1"), "is not UTF-8"),
        (b"\xff\xfei", "is not UTF-8"),
        (gzip.compress(b"id,name\n1,x\n" * 999)[:40], "can't be read"),
        ('id,name\n1,"' + "x" * 200_000 + '"\n', "field larger than field limit"),
    ],
)
def test_a_bad_file_is_told_in_one_line(files, mine, says):
    with pytest.raises(CommandError) as error:
        files(mine)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert error.value.returncode == 2


def test_a_missing_file_too(tmp_path):
    with pytest.raises(CommandError, match="can't be read: No such file") as error:
        call_command("match_lists", tmp_path / "none.csv", tmp_path / "none.csv")
    assert error.value.returncode == 2


def test_names_and_cells_may_hold_anything(files):
    mine = 'id,name,website,country\n1,"a ""quoted""\nname\t\\. Velatra\0",http://[::1]/\\,\\N\n2,Marrow Tools,,GB\n'
    assert pairs(files(mine)) == [("2", "b", "name_country", "0.95")]
