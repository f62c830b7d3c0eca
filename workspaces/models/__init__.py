from workspaces.models.invitation import Invitation, MyInvitation, Recipient, Verdict
from workspaces.models.logo import WorkspaceLogo
from workspaces.models.ownership import OwnershipOffer

__all__ = ["Invitation", "MyInvitation", "OwnershipOffer", "Recipient", "Verdict", "WorkspaceLogo"]
