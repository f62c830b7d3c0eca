#!/usr/bin/env python3
"""Checks an audit trail that was exported from Cosell as JSON lines. Needs Python 3.9 and nothing else.

    python3 verify_audit_export.py audit.jsonl
    python3 verify_audit_export.py audit.jsonl --known 120:2f9c...

Each event holds the hash of all its fields and of the event before it. So this script finds every event that was
changed, removed, added or moved, and a cut end. Somebody who writes the whole file anew, with all hashes, is found
by `--known`: number and hash of an event as you have them from the audit page or from the end line of an older
export. May be given several times.

Ends with 0: whole and unchanged. 1: tampered with. 2: can't be judged (a filtered export, no such file).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

FORMAT = "cosell-audit/1"
# In this order the fields are hashed, and stand in a line.
HASHED = (
    "trail",
    "seq",
    "at",
    "id",
    "action",
    "actor_id",
    "actor",
    "on_behalf_of",
    "also_in",
    "target_type",
    "target_id",
    "target",
    "changes",
    "ip",
    "agent",
    "prev_hash",
)
FIELDS = (*HASHED, "hash")
END = ("end", "format", "count", "head", "filtered")

WHOLE, TAMPERED, NOT_JUDGED = 0, 1, 2


def event_hash(event: dict[str, Any]) -> str:
    """Of each field its length and its text, so that no two events have the same text."""
    parts = [str(event[field]) for field in HASHED]
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


class Chain:
    """Follows one trail from its beginning. `with_gaps`: a selection, of which only what is there can be judged."""

    def __init__(self, *, with_gaps: bool = False) -> None:
        self.with_gaps = with_gaps
        self.trail: str | None = None
        self.seq = 0
        self.head = ""

    def follow(self, event: dict[str, Any]) -> Iterator[str]:
        seq = event["seq"]
        if event_hash(event) != event["hash"]:
            yield f"event {seq} is not as it was written"
        if event["trail"] != self.trail and self.trail is not None:
            yield f"event {seq} belongs to another trail"
        if seq <= self.seq:
            yield f"event {seq} stands after event {self.seq}: moved, or there twice"
        elif seq == self.seq + 1:
            if event["prev_hash"] != self.head:
                yield f"event {seq} " + (
                    f"does not continue event {self.seq}" if self.seq else "is no beginning"
                )
        elif not self.with_gaps:
            yield missing(self.seq + 1, seq - 1)
        self.trail, self.seq, self.head = event["trail"], seq, event["hash"]


def missing(first: int, last: int) -> str:
    return f"event {first} is missing" if first == last else f"events {first} to {last} are missing"


def parse(line: str, fields: tuple[str, ...]) -> dict[str, Any] | None:
    """The line's values, if it is written exactly as Cosell writes it."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or tuple(values) != fields or as_line(values) != line:
        return None
    numbers = {"seq": int, "count": int, "end": bool, "filtered": bool}
    fits = all(type(value) is numbers.get(name, str) for name, value in values.items())
    return values if fits else None


class Export:
    """The lines of a file, and what is wrong with them."""

    def __init__(self, lines: Iterable[str], end: dict[str, Any] | None, known: dict[int, str]) -> None:
        self.lines, self.end, self.known = lines, end, dict(known)
        self.filtered = bool(end and end["filtered"])
        self.chain = Chain(with_gaps=self.filtered)
        self.count = 0

    def problems(self) -> Iterator[str]:
        ended = False
        for number, line in enumerate(self.lines, 1):
            line = line.rstrip("\r\n")
            if ended:
                yield f"line {number}: stands after the end line"
            elif event := parse(line, FIELDS):
                self.count += 1
                for problem in (*self.chain.follow(event), *self._known(event)):
                    yield f"line {number}: {problem}"
            elif parse(line, END):
                ended = True
            else:
                yield f"line {number}: is not a line of an audit export"
        yield from self._end()

    def _known(self, event: dict[str, Any]) -> Iterator[str]:
        expected = self.known.pop(event["seq"], None)
        if expected not in (None, event["hash"]):
            yield f"event {event['seq']} is another one than the event you know"

    def _end(self) -> Iterator[str]:
        if self.end is None:
            yield "the end line is missing: the file was cut, or the download broke off"
        elif self.end["count"] != self.count:
            yield f"the end line counts {self.end['count']} events, the file holds {self.count}"
        elif self.end["head"] != self.chain.head or self.end["format"] != FORMAT:
            yield "the end line does not belong to the last event"
        for seq in self.known if not self.filtered else ():
            yield f"event {seq}, which you know, is missing"


def known_event(text: str) -> tuple[int, str]:
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError("write it as number:hash, with the 64 digits of the hash")
    return int(seq), digest


def verify(path: str, known: dict[int, str]) -> int:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            first = last = ""
            for last in file:
                first = first or last
            end = parse(last.rstrip("\r\n"), END)
            if end is None and parse(first.rstrip("\r\n"), FIELDS) is None:
                print("NOT JUDGED: this is no audit export in JSON lines. (A CSV can't be verified.)")
                return NOT_JUDGED
            file.seek(0)
            export = Export(file, end, known)
            found = 0
            for found, problem in enumerate(export.problems(), 1):  # noqa: B007
                print(problem)
    except OSError as error:
        print(f"NOT JUDGED: {error.strerror}: {path}")
        return NOT_JUDGED
    return verdict(export, found)


def verdict(export: Export, found: int) -> int:
    if found:
        print(f"TAMPERED WITH: {found} problem{'s' * (found > 1)} in {export.count} events.")
        return TAMPERED
    if export.filtered:
        print(
            f"NOT JUDGED: each of the {export.count} events is as it was written, but this is a filtered export: "
            "whether others are missing can't be told. Export without filters to have that checked."
        )
        return NOT_JUDGED
    print(f"WHOLE: {export.count} events; none was changed, removed, added or moved.")
    print(f"To notice a later forgery, keep: --known {export.chain.seq}:{export.chain.head}")
    return WHOLE


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file")
    parser.add_argument("--known", metavar="NUMBER:HASH", type=known_event, action="append", default=[])
    options = parser.parse_args()
    return verify(options.file, dict(options.known))


if __name__ == "__main__":
    sys.exit(main())
