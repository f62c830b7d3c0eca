"""Precision, recall and F1 of match_lists where the overlaps are known (ACCURACY_DATA: a folder with the full sets).

The automatic band is what confirms itself (confidence from 0.85), the other one has the suggestions too (from 0.70).
"""

import csv
import gzip
import os
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from django.core.management import call_command

HERE = Path(__file__).resolve().parent / "data"
Row = dict[str, str]
Pairs = set[tuple[str, str]]


def run() -> None:
    print(f"{'':34}{'automatic':>30}{'with suggestions':>30}")
    print(f"{'':34}" + f"{'precision':>12}{'recall':>9}{'F1':>9}" * 2)
    for name, title, blanked in [
        ("gleif_noise", "with websites", None),
        ("gleif_noise", "names and country", _all),
        ("cross", "half the websites blanked", _half),
        ("cross", "names and country", _all),
        ("sp500_sec", "names only", None),
    ]:
        lists, truth, unclear = _read(name)
        if blanked:
            blanked(lists)
        said = _matched(lists)
        bands = [{pair for pair, sure in said.items() if sure >= least} - unclear for least in (0.85, 0.70)]
        print(f"{name + ', ' + title:34}" + "".join(_figures(band, truth) for band in bands))


def _figures(said: Pairs, truth: Pairs) -> str:
    hits = len(said & truth)
    precision, recall, f1 = hits / max(1, len(said)), hits / len(truth), 2 * hits / (len(said) + len(truth))
    return f"{precision:>12.4f}{recall:>9.4f}{f1:>9.4f}"


def _matched(lists: list[list[Row]]) -> dict[tuple[str, str], float]:
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / "mine.csv", Path(folder) / "theirs.csv"]
        for path, rows in zip(paths, lists, strict=True):
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)
        out = Path(folder) / "pairs.csv"
        call_command("match_lists", *paths, out=out, suggestions=True, stderr=StringIO())
        with out.open(newline="", encoding="utf-8") as file:
            return {
                (row["mine_id"], row["theirs_id"]): float(row["confidence"]) for row in csv.DictReader(file)
            }


def _all(lists: list[list[Row]]) -> None:
    _blank(lists, lambda: True)


def _half(lists: list[list[Row]]) -> None:
    chance = Random(42)
    _blank(lists, lambda: chance.random() < 0.5)


def _blank(lists: list[list[Row]], which: Callable[[], bool]) -> None:
    for row in (row for rows in lists for row in rows):
        if which():
            row["website"] = ""


def _read(name: str) -> tuple[list[list[Row]], Pairs, Pairs]:
    """Both lists; the true pairs; those that nobody can judge."""
    truth = list(_rows(name, "truth"))
    unclear = {(row["a_id"], row["b_id"]) for row in truth if row.get("relation") == "unclear"}
    same = {(row["a_id"], row["b_id"]) for row in truth} - unclear
    return [list(_rows(name, side)) for side in "ab"], same, unclear


def _rows(name: str, part: str) -> Iterator[Row]:
    folder = os.environ.get("ACCURACY_DATA")
    plain = Path(folder) / name / f"{part}.csv" if folder else HERE / f"{name}_{part}.csv"
    packed = plain.with_suffix(".csv.gz")
    with gzip.open(packed, "rt", newline="") if packed.exists() else plain.open(newline="") as lines:
        yield from csv.DictReader(lines)
