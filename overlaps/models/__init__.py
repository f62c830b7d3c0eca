"""Accounts, their imports, and the overlaps with partners."""

from overlaps.models.account import Account
from overlaps.models.batch import Import, ImportPart, ImportReject
from overlaps.models.matchkey import MatchKey, Touched
from overlaps.models.overlap import ASK, OFFER, Overlap, OverlapCount

__all__ = [
    "ASK",
    "OFFER",
    "Account",
    "Import",
    "ImportPart",
    "ImportReject",
    "MatchKey",
    "Overlap",
    "OverlapCount",
    "Touched",
]
