from typing import Any

from django import forms

# Joiners that some scripts need inside a word; every other invisible character could only deceive.
JOINERS = {"\u200c", "\u200d"}


class OneLineField(forms.CharField):
    """One line of visible text, for names that stand in pages, mails and logs."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        return " ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in text).split())
