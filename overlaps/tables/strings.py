"""The strings that the cells of a workbook share: as many as there may be, in little memory."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from tempfile import SpooledTemporaryFile

TOGETHER = 64  # strings in a block
FULL = 32 * 1024  # bytes of a block
IN_MEMORY = 4 * 1024 * 1024
BLOCKS = 128  # that are kept at hand
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """Without Excel's way of writing what XML can't hold."""
    return ESCAPE.sub(_sign, text) if "_x" in text else text


def _sign(found: re.Match[str]) -> str:
    sign = chr(int(found[1], 16))
    return sign if sign.isprintable() or sign in "\t\n\r" else " "


class Strings(dict):
    """By number, as text. They are read as far as they are asked for, and lie on disk in blocks.

    A dict of those that were asked for lately; cells tend to share neighbours, in the order in which they were written.
    """

    MOST, LONGEST = 20_000, 100

    def __init__(self, arriving: Iterator[list[str]]) -> None:
        super().__init__()
        self.arriving = arriving
        self.file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  `close` closes it
        self.places = array("Q", [0])  # where each block begins, and the last one ends
        self.firsts = array("Q")  # the number of its first string
        self.open: list[str] = []
        self.count = self.size = 0
        self.block = lru_cache(BLOCKS)(self._block)

    def __missing__(self, text: str) -> str:
        """Raises IndexError, ValueError."""
        string = self._found(int(text))
        if len(string) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[text] = string
        return string

    def close(self) -> None:
        self.file.close()

    def _found(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        while self.count <= number:
            self._add(next(self.arriving, None))
        first = self.count - len(self.open)
        if number >= first:
            return self.open[number - first]
        block = bisect_right(self.firsts, number) - 1
        return self.block(block)[number - self.firsts[block]]

    def _add(self, strings: list[str] | None) -> None:
        if strings is None:
            raise IndexError("There are not as many.")
        for string in strings:
            self.open.append(string.replace("\0", " "))
            self.count += 1
            self.size += len(string)
            if len(self.open) == TOGETHER or self.size > FULL:
                self._write()

    def _write(self) -> None:
        self.file.seek(self.places[-1])
        self.file.write("\0".join(self.open).encode())
        self.firsts.append(self.count - len(self.open))
        self.places.append(self.file.tell())
        self.open, self.size = [], 0

    def _block(self, block: int) -> list[str]:
        self.file.seek(self.places[block])
        return self.file.read(self.places[block + 1] - self.places[block]).decode().split("\0")
