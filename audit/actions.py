"""Everything that is recorded: one list, `subject.what_happened`.

`permission` is the row of the table in `core.roles` that the act belongs to; None for what people do to their own
account or what the clock does. A test asks that each permission that changes something has its events here.
"""

from enum import Enum

from core.roles import Permission


class Action(Enum):
    def __new__(cls, code: str, permission: Permission | None, sentence: str) -> "Action":
        action = object.__new__(cls)
        action._value_ = code
        action.permission = permission
        action.sentence = sentence
        return action

    @property
    def subject(self) -> str:
        return self.value.partition(".")[0]

    @property
    def label(self) -> str:
        """For lists to choose from, below the subject."""
        return self.value.partition(".")[2].replace("_", " ").capitalize()

    @property
    def is_personal(self) -> bool:
        """Stands in the security trail, not in a workspace's."""
        return self.subject == "person" or self is Action.ACCESS_REFUSED

    # -- the person's own account: SecurityEvent --
    SIGNED_UP = "person.signed_up", None, "signed up"
    SIGNED_IN = "person.signed_in", None, "signed in"
    SIGN_IN_FAILED = "person.sign_in_failed", None, "failed to sign in"
    SIGNED_OUT = "person.signed_out", None, "signed out"
    PASSWORD_CHANGED = "person.password_changed", None, "changed the password"
    PASSWORD_RESET = "person.password_reset", None, "reset the password"
    EMAIL_CONFIRMED = "person.email_confirmed", None, "confirmed an e-mail address"
    EMAIL_ADDED = "person.email_added", None, "added an e-mail address"
    EMAIL_REMOVED = "person.email_removed", None, "removed an e-mail address"
    EMAIL_CHANGED = "person.email_changed", None, "changed the main e-mail address"
    MFA_ADDED = "person.mfa_added", None, "added a second step"
    MFA_REMOVED = "person.mfa_removed", None, "removed a second step"
    MFA_RESET = "person.mfa_reset", None, "made new recovery codes"
    SESSION_ENDED = "person.session_ended", None, "ended a session"
    ACCESS_REFUSED = "workspace.access_refused", None, "was refused at a workspace"

    # -- workspace --
    WORKSPACE_FOUNDED = "workspace.founded", None, "founded the workspace"
    WORKSPACE_CHANGED = "workspace.changed", Permission.CHANGE_SETTINGS, "changed the settings"
    WORKSPACE_MOVED = "workspace.moved", Permission.CHANGE_SETTINGS, "changed the address"
    LOGO_CHANGED = "workspace.logo_changed", Permission.CHANGE_SETTINGS, "changed the logo"
    AUDIT_EXPORTED = "audit.exported", Permission.SEE_AUDIT, "exported the audit trail"

    # -- members --
    MEMBER_INVITED = "member.invited", Permission.INVITE_MEMBERS, "invited"
    INVITATION_RESENT = "invitation.resent", Permission.INVITE_MEMBERS, "sent the invitation again to"
    INVITATION_REVOKED = "invitation.revoked", Permission.INVITE_MEMBERS, "revoked the invitation of"
    INVITATION_CHANGED = "invitation.changed", Permission.INVITE_MEMBERS, "changed the invitation of"
    INVITATION_COPIED = "invitation.copied", Permission.INVITE_MEMBERS, "copied the invitation link of"
    INVITATION_DECLINED = "invitation.declined", None, "declined the invitation of"
    INVITATION_ASKED = "invitation.asked", None, "asked for a new invitation of"
    MEMBER_JOINED = "member.joined", None, "joined"
    MEMBER_ROLE_CHANGED = "member.role_changed", Permission.MANAGE_MEMBERS, "changed the role of"
    MEMBER_DEACTIVATED = "member.deactivated", Permission.MANAGE_MEMBERS, "deactivated"
    MEMBER_REACTIVATED = "member.reactivated", Permission.MANAGE_MEMBERS, "reactivated"
    MEMBER_REMOVED = "member.removed", Permission.MANAGE_MEMBERS, "removed"
    MEMBER_LEFT = "member.left", None, "left"
    OWNERSHIP_OFFERED = "ownership.offered", Permission.OWN_WORKSPACE, "offered the ownership to"
    OWNERSHIP_WITHDRAWN = (
        "ownership.withdrawn",
        Permission.OWN_WORKSPACE,
        "took back the offer of ownership to",
    )
    OWNERSHIP_ACCEPTED = "ownership.accepted", None, "took over the ownership from"
    OWNERSHIP_DECLINED = "ownership.declined", None, "declined the ownership offered by"

    # -- partners --
    PARTNER_INVITED = "partner.invited", Permission.CONNECT_PARTNERS, "invited the partner"
    PARTNER_INVITATION_RESENT = (
        "partner.invitation_resent",
        Permission.CONNECT_PARTNERS,
        "sent the invitation again to",
    )
    PARTNER_INVITATION_REVOKED = (
        "partner.invitation_revoked",
        Permission.CONNECT_PARTNERS,
        "revoked the invitation of",
    )
    PARTNER_INVITATION_COPIED = (
        "partner.invitation_copied",
        Permission.CONNECT_PARTNERS,
        "copied the invitation link of",
    )
    PARTNER_INVITATION_DECLINED = (
        "partner.invitation_declined",
        Permission.CONNECT_PARTNERS,
        "declined to connect with",
    )
    PARTNER_CONNECTED = "partner.connected", Permission.CONNECT_PARTNERS, "opened the connection with"
    PARTNER_CHANGED = "partner.changed", Permission.CONNECT_PARTNERS, "changed the partner"
    CONNECTION_PAUSED = "connection.paused", Permission.CONNECT_PARTNERS, "paused the connection with"
    CONNECTION_RESUMED = "connection.resumed", Permission.CONNECT_PARTNERS, "resumed the connection with"
    CONNECTION_ENDED = "connection.ended", Permission.CONNECT_PARTNERS, "ended the connection with"
    GRANT_GIVEN = "grant.given", Permission.CONNECT_PARTNERS, "gave a grant on"
    GRANT_TAKEN = "grant.taken", Permission.CONNECT_PARTNERS, "took a grant on"
    PARTNER_ADDED = "partner.added", Permission.CONNECT_PARTNERS, "added the offline partner"
    SHARING_CHANGED = "sharing.changed", Permission.CHANGE_SHARING, "changed what is shared with"
    SHARING_DEFAULTS_CHANGED = (
        "sharing.defaults_changed",
        Permission.CHANGE_SHARING,
        "changed the sharing defaults of",
    )
    PRESET_MADE = "preset.made", Permission.CHANGE_SHARING, "made the field preset"
    PRESET_CHANGED = "preset.changed", Permission.CHANGE_SHARING, "changed the field preset"
    PRESET_REMOVED = "preset.removed", Permission.CHANGE_SHARING, "removed the field preset"
    DATA_REQUESTED = "data_request.made", Permission.CONNECT_PARTNERS, "asked for more of"
    DATA_REQUEST_DECLINED = (
        "data_request.declined",
        Permission.CHANGE_SHARING,
        "declined to show more to",
    )
    DATA_REQUEST_WITHDRAWN = (
        "data_request.withdrawn",
        Permission.CONNECT_PARTNERS,
        "no longer asks for more of",
    )

    ALARM_DISMISSED = "alarm.dismissed", Permission.CHANGE_SHARING, "dismissed an alarm about"
    MATCHING_CHANGED = "matching.changed", Permission.CHANGE_SETTINGS, "changed the matching settings of"

    # -- accounts --
    IMPORT_STARTED = "import.started", Permission.EDIT_ACCOUNTS, "started the import of"
    IMPORT_DONE = "import.done", Permission.EDIT_ACCOUNTS, "imported"
    IMPORT_FAILED = "import.failed", Permission.EDIT_ACCOUNTS, "failed to import"
    IMPORT_CANCELLED = "import.cancelled", Permission.EDIT_ACCOUNTS, "cancelled the import of"
    IMPORT_UNDONE = "import.undone", Permission.EDIT_ACCOUNTS, "took back the import of"
    ACCOUNT_MADE = "account.made", Permission.EDIT_ACCOUNTS, "made the account"
    ACCOUNT_CHANGED = "account.changed", Permission.EDIT_ACCOUNTS, "changed the account"
    ACCOUNT_DELETED = "account.deleted", Permission.EDIT_ACCOUNTS, "deleted the account"
    ACCOUNTS_CHANGED = "account.many_changed", Permission.EDIT_ACCOUNTS, "changed several accounts of"
    ACCOUNTS_DELETED = "account.many_deleted", Permission.EDIT_ACCOUNTS, "deleted several accounts of"
    ACCOUNTS_MERGED = "account.merged", Permission.EDIT_ACCOUNTS, "merged accounts into"
    ACCOUNTS_KEPT_APART = "account.kept_apart", Permission.EDIT_ACCOUNTS, "keeps apart accounts of"
    ACCOUNTS_EXPORTED = "account.exported", Permission.SEE_WORKSPACE, "exported accounts of"
    VIEW_SAVED = "view.saved", Permission.SEE_WORKSPACE, "saved the view"
    VIEW_REMOVED = "view.removed", Permission.SEE_WORKSPACE, "removed the view"

    POPULATION_MADE = "population.made", Permission.EDIT_ACCOUNTS, "made the population"
    POPULATION_CHANGED = "population.changed", Permission.EDIT_ACCOUNTS, "changed the population"
    POPULATION_REMOVED = "population.removed", Permission.EDIT_ACCOUNTS, "removed the population"
    OVERLAPS_EXPORTED = "overlaps.exported", Permission.SEE_WORKSPACE, "exported overlaps of"
    OVERLAPS_MARKED = "overlaps.marked", Permission.EDIT_ACCOUNTS, "marked overlaps of"
    MATCH_REJECTED = "match.rejected", Permission.EDIT_ACCOUNTS, "rejected a match with"
    MATCH_MADE = "match.made", Permission.EDIT_ACCOUNTS, "matched an account by hand with"
    MATCH_CONFIRMED = "match.confirmed", Permission.EDIT_ACCOUNTS, "confirmed a suggested match with"
    SUGGESTION_REJECTED = (
        "match.suggestion_rejected",
        Permission.EDIT_ACCOUNTS,
        "rejected a suggested match with",
    )
    VERDICT_TAKEN_BACK = (
        "match.verdict_taken_back",
        Permission.EDIT_ACCOUNTS,
        "took back what was said of a match with",
    )

    # -- intros --
    INTRO_DRAFTED = "intro.drafted", Permission.ANSWER_INTROS, "drafted an intro to"
    INTRO_REVISED = "intro.revised", Permission.ANSWER_INTROS, "changed the draft of an intro to"
    INTRO_DISCARDED = "intro.discarded", Permission.ANSWER_INTROS, "discarded the draft of an intro to"
    INTRO_REQUESTED = "intro.requested", Permission.ANSWER_INTROS, "asked for an intro to"
    INTRO_WITHDRAWN = "intro.withdrawn", Permission.ANSWER_INTROS, "withdrew the intro to"
    INTRO_ACCEPTED = "intro.accepted", Permission.ANSWER_INTROS, "accepted the intro to"
    INTRO_DECLINED = "intro.declined", Permission.ANSWER_INTROS, "declined the intro to"
    INTRO_INTRODUCED = "intro.introduced", Permission.ANSWER_INTROS, "made the intro to"
    INTRO_EXPIRED = "intro.expired", None, "let expire the intro to"
