"""The ends of all trails at one moment, signed, to be kept outside the database.

Somebody who owns the database can write a trail anew with all its hashes and heads. Then it no longer holds the
events that an earlier checkpoint names.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.core.signing import BadSignature, Signer
from django.utils import timezone

from audit.models import TrailHead

Heads = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Checkpoint:
    at: str
    heads: Heads

    class Unreadable(Exception):
        """No checkpoint, or not one of this installation, or changed."""

    @classmethod
    def take(cls) -> Self:
        """As the owner: the application may not read the heads."""
        heads = {str(head.trail): (head.seq, head.hash) for head in TrailHead.objects.iterator()}
        return cls(timezone.now().strftime("%Y-%m-%dT%H-%M-%SZ"), heads)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises Unreadable."""
        try:
            text, _, signature = path.read_text().strip().rpartition("\n")
            content = json.loads(_signer().unsign(f"{text}:{signature}"))
        except (OSError, ValueError, BadSignature) as error:
            raise cls.Unreadable(f"{path}: {error}") from error
        return cls(content["at"], {trail: (seq, digest) for trail, (seq, digest) in content["heads"].items()})

    def write(self, path: Path) -> None:
        """At once or not at all."""
        text = json.dumps({"at": self.at, "heads": self.heads}, sort_keys=True)
        half = path.with_name(f"{path.name}.part")
        half.write_text(f"{text}\n{_signer().signature(text)}\n")
        half.replace(path)

    def write_into(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"audit-{self.at}.checkpoint"
        self.write(path)
        return path


def _signer() -> Signer:
    return Signer(salt="audit.checkpoint")
