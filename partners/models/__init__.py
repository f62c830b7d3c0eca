"""Companies we sell with: our record of them, the link between two workspaces, and what each shows the other."""

from partners.models.connection import Connection
from partners.models.grant import Grant, PartnerGrant
from partners.models.invitation import Offer, PartnerInvitation
from partners.models.partner import Partner
from partners.models.sharing import Level, Levels, Population, SharingRule, all_hidden, levels_from

__all__ = [
    "Connection",
    "Grant",
    "Level",
    "Levels",
    "Offer",
    "Partner",
    "PartnerGrant",
    "PartnerInvitation",
    "Population",
    "SharingRule",
    "all_hidden",
    "levels_from",
]
