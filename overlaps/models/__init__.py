"""Accounts, their imports, and the overlaps with partners."""

from overlaps.models.account import Account
from overlaps.models.batch import Import, ImportPart, ImportReject
from overlaps.models.overlap import Overlap, OverlapCount

__all__ = ["Account", "Import", "ImportPart", "ImportReject", "Overlap", "OverlapCount"]
