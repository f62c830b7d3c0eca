"""Accounts, their imports, and the overlaps with partners."""

from overlaps.models.account import Account
from overlaps.models.apart import KeptApart
from overlaps.models.batch import Import, ImportChange, ImportPart, ImportReject, StagedRow
from overlaps.models.inbox import (
    Alarm,
    DayFigure,
    InboxVisit,
    Mark,
    MatchSettings,
    PopulationSize,
    SavedView,
    Tally,
)
from overlaps.models.judgement import Suggestion, Verdict
from overlaps.models.match import Cell, FrozenCount, Match, ProbeDay, Ruling
from overlaps.models.matchkey import MatchKey, Touched
from overlaps.models.overlap import ASK, OFFER, MatchRule, Overlap, OverlapCount
from overlaps.models.source import AccountSource, Source

__all__ = [
    "ASK",
    "OFFER",
    "Account",
    "AccountSource",
    "Alarm",
    "Cell",
    "DayFigure",
    "FrozenCount",
    "Import",
    "ImportChange",
    "ImportPart",
    "ImportReject",
    "InboxVisit",
    "KeptApart",
    "Mark",
    "Match",
    "MatchKey",
    "MatchRule",
    "MatchSettings",
    "Overlap",
    "OverlapCount",
    "PopulationSize",
    "ProbeDay",
    "Ruling",
    "SavedView",
    "Source",
    "StagedRow",
    "Suggestion",
    "Tally",
    "Touched",
    "Verdict",
]
