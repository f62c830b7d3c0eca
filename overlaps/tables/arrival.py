"""Bytes on their way in: counted while they come, kept on disk, read from there piece by piece."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from overlaps.tables.table import Unreadable

PIECE = 1024 * 1024
Given = bytes | IO[bytes] | Iterable[bytes]


class Arrived:
    """Where each reader has a place of its own: several may go through the same file."""

    def __init__(self, file: IO[bytes], *, ours: bool) -> None:
        self.file, self.ours = file, ours
        self.size = file.seek(0, 2)

    def read_at(self, place: int, size: int) -> bytes:
        self.file.seek(place)
        return self.file.read(size)

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        while piece := self.read_at(start, PIECE):
            start += len(piece)
            yield piece

    def close(self) -> None:
        """A file that was opened elsewhere is closed there."""
        if self.ours:
            self.file.close()


def arrived(given: Given) -> Arrived:
    """Raises Unreadable where it is more than a file may have: of what comes in parts, no more is taken then."""
    if isinstance(given, bytes | bytearray | memoryview):
        _refuse_past_limit(len(given))
        return Arrived(BytesIO(given), ours=True)
    if hasattr(given, "seek"):
        _refuse_past_limit(given.seek(0, 2))
        return Arrived(given, ours=False)
    return Arrived(_kept(given), ours=True)


def _kept(parts: Iterable[bytes]) -> IO[bytes]:
    file, size = SpooledTemporaryFile(max_size=PIECE), 0  # noqa: SIM115  the Table closes it
    try:
        for part in parts:
            size += len(part)
            _refuse_past_limit(size)
            file.write(part)
    except BaseException:
        file.close()
        raise
    return file


def _refuse_past_limit(size: int) -> None:
    if size > settings.IMPORT_MAX_BYTES:
        most = filesizeformat(settings.IMPORT_MAX_BYTES)
        raise Unreadable(f"This file is larger than {most}, which is the most. Please split it.")
