"""Companies we sell with: our record of them, the link between two workspaces, and what each shows the other."""

from partners.models.connection import Connection
from partners.models.defaults import FieldPreset, SharingDefault
from partners.models.grant import Grant, PartnerGrant
from partners.models.invitation import Offer, PartnerInvitation
from partners.models.partner import Partner
from partners.models.request import DataRequest
from partners.models.sharing import (
    Custom,
    CustomPopulation,
    Level,
    Levels,
    Population,
    Share,
    Shares,
    SharingRule,
    all_hidden,
    levels_from,
    published,
    shares_from,
    shares_shown,
    stamp,
)

__all__ = [
    "Connection",
    "Custom",
    "CustomPopulation",
    "DataRequest",
    "FieldPreset",
    "Grant",
    "Level",
    "Levels",
    "Offer",
    "Partner",
    "PartnerGrant",
    "PartnerInvitation",
    "Population",
    "Share",
    "Shares",
    "SharingDefault",
    "SharingRule",
    "all_hidden",
    "levels_from",
    "published",
    "shares_from",
    "shares_shown",
    "stamp",
]
