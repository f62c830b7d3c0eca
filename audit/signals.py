"""What happens to people's accounts: Django and allauth tell it, the security trail keeps it.

Written in the transaction of what happened. Second steps are heard from the table itself, because allauth tells of
some of them only after the commit.
"""

from typing import Any

from allauth.account import signals as account
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.contrib.auth import signals as auth
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal, receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from audit.actions import Action
from audit.models import SecurityEvent
from core.models import User

SESSION_METHODS = "account_authentication_methods"


def whoever_has(address: str) -> User | None:
    known = (
        EmailAddress.objects.filter(email=address.strip().lower())
        .order_by("-verified")
        .select_related("user")
        .first()
    )
    return known.user if known else None


def disguised(address: str) -> str:
    """Tells tries at one address from tries at others; the address itself may be a stranger's, or a password."""
    return salted_hmac("audit.address", address.strip().lower(), algorithm="sha256").hexdigest()[:16]


@receiver(auth.user_logged_in)
def signed_in(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    steps = getattr(request, "session", {}).get(SESSION_METHODS, [])
    methods = [step.get("type", step["method"]) for step in steps]
    SecurityEvent.record(Action.SIGNED_IN, by=user, changes={"with": ", ".join(methods)} if methods else None)


@receiver(auth.user_logged_out)
def signed_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user:
        SecurityEvent.record(Action.SIGNED_OUT, by=user)


@receiver(auth.user_login_failed)
def sign_in_failed(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    address = str(credentials.get("email") or credentials.get("username") or "")
    user = whoever_has(address)
    step = {"step": "password"}
    SecurityEvent.record(
        Action.SIGN_IN_FAILED, by=user, changes=step if user else {**step, "address": disguised(address)}
    )


@receiver(mfa.authentication_failed)
def second_step_failed(sender: Any, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    SecurityEvent.record(Action.SIGN_IN_FAILED, by=user, changes={"step": authenticator.type})


def _note(signal: Signal, action: Action) -> None:
    def note(sender: Any, user: User, **kwargs: Any) -> None:
        SecurityEvent.record(action, by=user)

    signal.connect(note, weak=False, dispatch_uid=f"audit.{action.value}.{id(signal)}")


_note(account.password_changed, Action.PASSWORD_CHANGED)
_note(account.password_set, Action.PASSWORD_CHANGED)
_note(account.password_reset, Action.PASSWORD_RESET)


@receiver(account.email_confirmed)
def email_confirmed(sender: Any, email_address: EmailAddress, **kwargs: Any) -> None:
    SecurityEvent.record(
        Action.EMAIL_CONFIRMED, by=email_address.user, changes={"address": email_address.email}
    )


@receiver(account.email_added)
def email_added(sender: Any, user: User, email_address: EmailAddress, **kwargs: Any) -> None:
    SecurityEvent.record(Action.EMAIL_ADDED, by=user, changes={"address": email_address.email})


@receiver(account.email_removed)
def email_removed(sender: Any, user: User, email_address: EmailAddress, **kwargs: Any) -> None:
    SecurityEvent.record(Action.EMAIL_REMOVED, by=user, changes={"address": email_address.email})


@receiver(account.email_changed)
def email_changed(
    sender: Any,
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **kwargs: Any,
) -> None:
    before = from_email_address.email if from_email_address else None
    SecurityEvent.record(Action.EMAIL_CHANGED, by=user, changes={"address": [before, to_email_address.email]})


def _is_codes(authenticator: Authenticator) -> bool:
    return authenticator.type == Authenticator.Type.RECOVERY_CODES


@receiver(post_save, sender=Authenticator)
def second_step_saved(instance: Authenticator, created: bool, **kwargs: Any) -> None:
    if created:
        action = Action.MFA_RESET if _is_codes(instance) else Action.MFA_ADDED
        SecurityEvent.record(action, by=instance.user, changes={"step": instance.type})


@receiver(post_delete, sender=Authenticator)
def second_step_deleted(instance: Authenticator, **kwargs: Any) -> None:
    if not _is_codes(instance):  # old codes go with every new set, and with the last other step
        SecurityEvent.record(Action.MFA_REMOVED, by=instance.user, changes={"step": instance.type})


class SessionsAdapter(DefaultUserSessionsAdapter):
    """allauth has no signal for sessions that a person ends from another one."""

    def end_sessions(self, sessions: list[UserSession]) -> None:
        super().end_sessions(sessions)
        for session in sessions:
            SecurityEvent.record(
                Action.SESSION_ENDED,
                by=session.user,
                changes={"address": session.ip, "browser": session.user_agent},
            )
