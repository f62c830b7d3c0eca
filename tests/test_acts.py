"""Every act that a page offers: done by who may, it leaves its one event; refused to who may not, it leaves nothing."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from audit.actions import Action
from audit.models import AuditEvent
from core.tenancy import tenant_context
from partners.models import SharingDefault, stamp
from tests import world
from tests.sharing import looked_at
from tests.test_url_matrix import arguments
from tests.url_matrix import WORKSPACE

pytestmark = pytest.mark.django_db
LEVELS = {"customers": "all", "open_opportunities": "counts", "prospects": "hidden"}
SEEN = {"seen": world.STAMP}


def logo() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (40, 40), "teal").save(out, "PNG")
    return SimpleUploadedFile("logo.png", out.getvalue(), "image/png")


def soon() -> str:
    return str(timezone.localdate() + timedelta(days=5))


ACCOUNT = {"name": "New name", "domain": "new.example", "population": "customers", "country": "DE"}
WORDS = {"ask": "Why", "forwardable": "Please meet them.", "due_on": soon}
ACTS: dict[str, tuple[Action, dict[str, Any]]] = {
    "audit:export": (Action.AUDIT_EXPORTED, {"format": "csv"}),
    "intros:accept": (Action.INTRO_ACCEPTED, {"answer": "Gladly."}),
    "intros:ask": (Action.INTRO_DRAFTED, WORDS | {"save": "1"}),
    "intros:decline": (Action.INTRO_DECLINED, {"reason": "timing"}),
    "intros:discard": (Action.INTRO_DISCARDED, {}),
    "intros:edit": (Action.INTRO_REVISED, WORDS | {"ask": "Because", "save": "1"}),
    "intros:request": (Action.INTRO_REQUESTED, {}),
    "intros:withdraw": (Action.INTRO_WITHDRAWN, {}),
    "overlaps:account_delete": (Action.ACCOUNT_DELETED, {}),
    "overlaps:account_edit": (Action.ACCOUNT_CHANGED, ACCOUNT),
    "overlaps:account_new": (Action.ACCOUNT_MADE, ACCOUNT),
    "overlaps:accounts_change": (
        Action.ACCOUNTS_CHANGED,
        {"all": "1", "step": "do", "seen": "6", "stage": "New stage"},
    ),
    "overlaps:accounts_delete": (Action.ACCOUNTS_DELETED, {"all": "1", "number": "6"}),
    "overlaps:match_settings": (Action.MATCHING_CHANGED, {"threshold": "80"}),
    "overlaps:import": (
        Action.IMPORT_STARTED,
        {"text": "Name,Domain\nOne,one.example"},
    ),
    "overlaps:import_cancel": (Action.IMPORT_CANCELLED, {}),
    "overlaps:mark": (Action.OVERLAPS_MARKED, {"all": "1", "state": "ignored"}),
    "overlaps:veto": (Action.MATCH_REJECTED, {"reason": "other_company"}),
    "overlaps:population_edit": (Action.POPULATION_CHANGED, {"name": "Renamed", "country": "DE"}),
    "overlaps:population_new": (Action.POPULATION_MADE, {"name": "Germans", "country": "DE"}),
    "overlaps:population_remove": (Action.POPULATION_REMOVED, {}),
    "overlaps:view_remove": (Action.VIEW_REMOVED, {}),
    "partners:change": (Action.PARTNER_CHANGED, {"name": "Renamed"}),
    "partners:end": (Action.CONNECTION_ENDED, {}),
    "partners:grant": (Action.GRANT_GIVEN, {"member": "member", "grant": "manage_partner"}),
    "partners:invitation_link": (Action.PARTNER_INVITATION_COPIED, {}),
    "partners:invitation_revoke": (Action.PARTNER_INVITATION_REVOKED, {}),
    "partners:invite": (Action.PARTNER_INVITED, LEVELS | {"name": "Umbrella", "email": "x@umbrella.example"}),
    "partners:offline_new": (Action.PARTNER_ADDED, {"name": "Hooli"}),
    "partners:pause": (Action.CONNECTION_PAUSED, {}),
    "overlaps:sharing_confirm": (Action.SHARING_CHANGED, LEVELS | SEEN),
    "overlaps:sharing_defaults_confirm": (Action.SHARING_DEFAULTS_CHANGED, {"prospects": "counts"}),
    "overlaps:preset_edit": (Action.PRESET_CHANGED, {"name": "Renamed"}),
    "overlaps:preset_new": (Action.PRESET_MADE, {"name": "New set", "chosen": ["stage"]}),
    "overlaps:preset_remove": (Action.PRESET_REMOVED, {}),
    "partners:ask": (Action.DATA_REQUESTED, {"population": "prospects", "level": "all"}),
    "workspaces:address": (Action.WORKSPACE_MOVED, {"slug": "acme-new"}),
    "workspaces:invitation_link": (Action.INVITATION_COPIED, {}),
    "workspaces:invitation_revoke": (Action.INVITATION_REVOKED, {}),
    "workspaces:invitation_role": (Action.INVITATION_CHANGED, {"role": "viewer"}),
    "workspaces:invite": (Action.MEMBER_INVITED, {"emails": "new@acme.example", "role": "member"}),
    "workspaces:logo": (Action.LOGO_CHANGED, {"logo": logo}),
    "workspaces:member_deactivate": (Action.MEMBER_DEACTIVATED, {}),
    "workspaces:member_remove": (Action.MEMBER_REMOVED, {}),
    "workspaces:member_role": (Action.MEMBER_ROLE_CHANGED, {"role": "viewer"}),
    "workspaces:ownership_offer": (Action.OWNERSHIP_OFFERED, {}),
    "workspaces:settings": (Action.WORKSPACE_CHANGED, {"name": "Acme Corporation", "accent": ""}),
}
# Need something else to have happened before; each has its own test, named here.
ELSEWHERE = {
    "intros:introduce": "test_moves.py",
    "overlaps:alarm_dismiss": "test_alarms.py",
    "overlaps:accounts_export": "test_account_export.py",
    "overlaps:accounts_merge": "test_merge.py",
    "overlaps:export": "test_overlap_export.py",
    "overlaps:hygiene_apart": "test_hygiene.py",
    "overlaps:hygiene_fix": "test_hygiene.py",
    "overlaps:import_columns": "test_import.py",
    "overlaps:import_read": "test_import.py",
    "overlaps:import_repair": "test_import.py",
    "overlaps:import_repairs_drop": "test_import.py",
    "overlaps:import_rows": "test_import.py",
    "overlaps:import_undo": "test_import_undo.py",
    "overlaps:partner_import": "test_import.py",
    "overlaps:mark_undo": "test_verdicts.py",
    "overlaps:match": "test_verdicts.py",
    "overlaps:suggestion_answer": "test_verdicts.py",
    "overlaps:take": "test_verdicts.py",
    "overlaps:verdict_back": "test_verdicts.py",
    "overlaps:view_new": "test_saved_views.py",
    "partners:grant_take": "test_grants.py",
    "partners:request_decline": "test_sharing.py",
    "partners:request_withdraw": "test_sharing.py",
    "partners:invitation_resend": "test_partner_invitation.py",
    "partners:invite_again": "test_partner_invitation.py",
    "partners:resume": "test_partner.py",
    "workspaces:invitation_resend": "test_invite.py",
    "workspaces:invite_preview": "no act: says what would be sent",
    "workspaces:leave": "test_members.py",
    "workspaces:logo_remove": "test_logo.py",
    "workspaces:member_reactivate": "test_members.py",
    "workspaces:ownership_accept": "test_ownership.py",
    "workspaces:ownership_decline": "test_ownership.py",
    "workspaces:ownership_withdraw": "test_ownership.py",
}


def signed_in(membership) -> Client:
    """Who has just given the password."""
    client = Client()
    client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
    request = client.get("/accounts/security/").wsgi_request
    record_authentication(request, membership.user, method="password", reauthenticated=True)
    request.session.save()
    return client


def do(name: str, companies: world.World, role: str):
    url = reverse(name, kwargs={"slug": "acme", **arguments(name, companies.acme)})
    data = {key: value() if callable(value) else value for key, value in ACTS[name][1].items()}
    if data.get("member"):
        data["member"] = str(companies.acme.people[data["member"]].pk)
    if name == "overlaps:account_edit":
        data["seen"] = companies.acme.rows["account"].updated_at.isoformat()
    client = signed_in(companies.acme.people[role])
    if name.startswith("overlaps:sharing") and role == "owner":
        data = looked_at(client, url, data | seen_of(name, companies))
    response = client.post(url, data)
    if response.streaming:
        list(response.streaming_content)
    return response


def seen_of(name: str, companies: world.World) -> dict[str, str]:
    with tenant_context(companies.acme.tenant):
        return {"seen": stamp(SharingDefault.shares())} if "defaults" in name else SEEN


def recorded(companies: world.World) -> list[str]:
    with tenant_context(companies.acme.tenant):
        return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def test_each_page_that_acts_is_here():
    assert {name for name, row in WORKSPACE.items() if "POST" in row} <= ACTS.keys() | ELSEWHERE.keys()
    assert ACTS.keys() | ELSEWHERE.keys() <= WORKSPACE.keys()


@pytest.mark.parametrize("name", ACTS)
def test_the_owner_does_it_and_one_event_says_so(name, companies):
    before = recorded(companies)
    response = do(name, companies, "owner")
    assert response.status_code in {200, 302, 303}, response.text[:2000]
    assert recorded(companies)[len(before) :] == [ACTS[name][0].value]


@pytest.mark.parametrize("name", ACTS)
def test_the_viewer_does_not_and_nothing_is_said(name, companies):
    before = recorded(companies)
    assert do(name, companies, "viewer").status_code == 403
    assert recorded(companies) == before


def test_each_permission_that_changes_something_is_asked(companies):
    """By acts that are done here: no row of the table of permissions is without an event."""
    from core.roles import Permission

    asked = {ACTS[name][0].permission for name in ACTS}
    assert asked >= set(Permission) - {Permission.SEE_WORKSPACE}
