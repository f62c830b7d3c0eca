"""Into another workspace by every other way than the path: queries, fields, nested acts, the database itself."""

import re

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.actions import Action
from audit.models import AuditEvent
from conftest import person
from core.models import Membership, Tenant, User
from core.tenancy import person_context, tenant_context
from overlaps.models import Account, Overlap, OverlapCount
from partners.models import Connection, Level, Partner, PartnerInvitation, Population, SharingRule
from tests import tour, world
from tests.pairs import invite
from tests.sharing import COUNTED, add, confirm, counted_by, partner_record, seen_by, share
from tests.test_attack_input import PARAMETERS

HIDDEN = {"customers": "hidden", "open_opportunities": "hidden", "prospects": "hidden"}


def client_of(who: Membership) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


# -- ids of others in queries and fields -----------------------------------------------------------------------------


def test_no_query_reaches_into_another_workspace(companies):
    acme, client, found = companies.acme, client_of(companies.acme.owner), []
    for foreign in (companies.globex, companies.initech):
        ids = {row: getattr(thing, "pk", thing) for row, thing in foreign.rows.items()}
        for value in (*ids.values(), foreign.tenant.pk, foreign.tenant.slug, foreign.canary[:-1]):
            for name in ("overlaps:list", "overlaps:accounts", "intros:list", "partners:list", "audit:trail",
                         "workspaces:home", "workspaces:members", "workspaces:switcher", "workspaces:chooser",
                         "workspaces:overview"):  # fmt: skip
                for headers in ({}, {"HX-Request": "true"}):
                    asked = dict.fromkeys(PARAMETERS, str(value))
                    text = client.get(tour.addresses(acme)[name], asked, headers=headers).text
                    if foreign.canary in text:
                        found.append((name, value))
    assert found == []


def test_no_field_reaches_into_another_workspace(companies):
    """Forms of Acme, each field of which names a row of Globex or Initech; nothing of theirs moves."""
    acme, client = companies.acme, client_of(companies.acme.owner)
    names = (
        "member",
        "owner",
        "workspace",
        "partner",
        "account",
        "overlap",
        "user",
        "tenant",
        "intro",
        "batch",
        "pk",
        "id",
    )
    before = {one.tenant.slug: rows_of(one) for one in (companies.globex, companies.initech)}
    for foreign in (companies.globex, companies.initech):
        ids = [getattr(thing, "pk", thing) for thing in foreign.rows.values()]
        for value in [*ids, foreign.tenant.pk, foreign.owner.pk, foreign.owner.user_id, foreign.tenant.slug]:
            for name in ("partners:change", "partners:grant", "workspaces:switch", "overlaps:account_edit",
                         "intros:edit", "workspaces:member_role", "workspaces:ownership_accept"):  # fmt: skip
                answer = client.post(tour.addresses(acme)[name], dict.fromkeys(names, str(value)))
                assert answer.status_code < 500
                assert foreign.canary not in answer.text
    assert {one.tenant.slug: rows_of(one) for one in (companies.globex, companies.initech)} == before


def rows_of(one: world.Company) -> list[str]:
    with tenant_context(one.tenant):
        models = (Account, Partner, Membership, SharingRule, PartnerInvitation, AuditEvent)
        return sorted(str(row) for model in models for row in model.objects.values_list())


def test_a_partner_is_accepted_into_own_workspaces_only(ada, grace, mallory):
    """The place names a membership of somebody else, of the inviting side, or of nobody."""
    invitation = invite(ada, mallory.user.email)
    client = client_of(mallory)
    client.get(f"/partner-invitations/open/{invitation.token}/")
    for place in (grace, ada):
        answer = client.post("/partner-invitations/accept/", {"workspace": str(place.pk), **HIDDEN})
        assert answer.status_code == 422
        assert place.tenant.name not in answer.text or place is ada
    assert not Connection.across_tenants.exists()


def test_a_form_that_leads_to_another_workspace_is_not_there(companies):
    """formaction: the address of the other workspace, with everything else right."""
    globex, client = companies.globex, client_of(companies.acme.owner)
    for name, address in tour.addresses(globex).items():
        if address.startswith("/w/"):
            assert client.post(address, {"workspace": "acme"}).status_code == 404, name


# -- what the other side learns ---------------------------------------------------------------------------------------


def test_what_one_side_does_leaves_nothing_of_it_with_the_other(companies, run_jobs, mailoutbox):
    """Acme goes through all its acts on Globex; in Globex's rows, trail and mails is no canary of Acme."""
    acme, globex = companies.acme, companies.globex
    client, partner = client_of(acme.owner), acme.rows["partner"]
    path = lambda name, **at: acme.tenant.path_to(name, **at)  # noqa: E731
    client.post(
        path("partners:change", pk=partner.pk),
        {"name": acme.canary, "notes": acme.canary, "is_restricted": "on"},
    )
    fields = HIDDEN | {"customers": "all", "seen": world.STAMP}
    assert confirm(client, path("overlaps:sharing_confirm", pk=partner.pk), fields).status_code == 302
    client.post(path("intros:request", pk=acme.rows["draft"].pk))
    client.post(path("intros:accept", pk=acme.rows["received_intro"].pk), {"answer": "yes"})
    for act in ("pause", "resume", "end"):
        client.post(path(f"partners:{act}", pk=partner.pk))
    run_jobs()

    with tenant_context(globex.tenant):
        events = [str(row) for row in AuditEvent.objects.values_list()]
        shown = [str(row) for row in Overlap.objects.values_list()]
        records = [str(row) for row in Partner.objects.filter(pk=globex.rows["partner"].pk).values_list()]
    told = events + shown + records
    assert len([event for event in events if "AcmeOwner" in event]) >= 5
    # What Acme wrote into a request is for Globex: the draft's own words went out with it.
    assert [text for text in told if acme.canary in text] == []
    assert not [text for text in events if "127.0.0.1" in text and "AcmeOwner" in text]


# -- counts only ------------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(ada, grace, acme, globex):
    """Globex counts its customers for Acme; Acme knows four of them, and asks whether it has the fifth right."""
    with tenant_context(acme):
        link = Connection.objects.create(inviter=acme, invitee=globex)
    ours, theirs = partner_record(acme, globex, link), partner_record(globex, acme, link)
    for number in range(6):
        add(globex, f"Company {number}", "customers")
    for number in range(4):
        add(acme, f"Company {number}")
    share(theirs, COUNTED)
    assert counted_by(acme)["prospects", "customers"] == 0
    return ours, theirs


def test_no_act_of_ours_takes_a_count_anew(counted, ada, grace, acme, globex):
    ours, theirs = counted
    probe = add(acme, "Company 4")
    tries = [
        lambda: share(ours, dict.fromkeys(Population, Level.ALL)),
        lambda: share(ours),
        lambda: move(ours, ada, "pause", "resume"),
        lambda: move(theirs, grace, "pause", "resume"),
        lambda: edit(probe, ada, population="customers"),
        lambda: edit(probe, ada, population="prospects"),
        lambda: edit(probe, ada, is_private=True),
        lambda: edit(probe, ada, is_private=False),
        lambda: [add(acme, f"Other {number}") for number in range(3)],
    ]
    for attempt in tries:
        with tenant_context(acme, by=ada):
            attempt()
        assert set(counted_by(acme).values()) == {0}
    assert seen_by(acme) == set()


def move(partner: Partner, by: Membership, *acts: str) -> None:
    with tenant_context(partner.tenant_id, by=by):
        for act in acts:
            getattr(Partner.objects.get(pk=partner.pk), act)(by=by)


def edit(account: Account, by: Membership, **values) -> None:
    with tenant_context(account.tenant_id, by=by):
        Account.objects.get(pk=account.pk).change(by=by, **values)


def test_no_exact_count_stands_in_the_table(counted, acme):
    add(acme, "Company 5")
    with tenant_context(acme):
        assert {
            n % 5 for row in OverlapCount.objects.all() for n in (row.mine, row.theirs, row.companies)
        } == {0}


def test_an_import_answers_alike_whoever_else_has_the_company(
    ada, globex, acme, run_jobs, django_assert_num_queries
):
    """R15: a company that a stranger has, one that a partner hides, and one that nobody has."""
    add(globex, "Strange", "customers")
    client, answers = client_of(ada), set()
    for domain in ("strange.com", "nobodys.com"):
        response = client.post(acme.path_to("overlaps:import"), {"text": f"Domain\n{domain}\n"})
        columns = {"seen": "0", "source": domain, "default": "prospects", "c0": "domain"}
        response = client.post(response.url, columns)
        looked = client.get(response.url).text
        told = re.search(r'name="told" value="([0-9a-f]{16})"', looked)[1]
        response = client.post(response.url, {"seen": "1", "told": told})
        run_jobs()
        text = client.get(response.url).text
        answers.add((response.status_code, *(len(page.replace(domain, "")) for page in (looked, text))))
    assert len(answers) == 1


# -- the trail, by statements of the application's own role -----------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_auditevent SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), "
        "'tenant_id', '{foreign}'))).* FROM audit_auditevent e LIMIT 1",
        "UPDATE audit_auditevent SET actor = 'nobody'",
        "DELETE FROM audit_auditevent",
        "DELETE FROM audit_securityevent",
        "TRUNCATE audit_auditevent",
        "DELETE FROM core_tenant WHERE id = '{own}'",
        "SELECT * FROM audit_trailhead",
        "SELECT 1 FROM audit_trailhead FOR UPDATE",
        "LOCK TABLE audit_trailhead",
        "ALTER TABLE audit_auditevent DISABLE TRIGGER final",
        "SET session_replication_role = replica",
        "SELECT audit_chain()",
        "CREATE FUNCTION pg_temp.audit_canonical(VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT 1'; "
        "UPDATE audit_trailhead SET seq = 0",
    ],
)
def test_the_trail_can_only_grow(statement, ada, grace, acme, globex):
    for who in (ada, grace):
        with tenant_context(who.tenant, by=who):
            AuditEvent.record(Action.WORKSPACE_CHANGED, by=who, target=who.tenant)
    before = trails(acme, globex)
    with (
        pytest.raises(DatabaseError),
        tenant_context(acme),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(own=acme.pk, foreign=globex.pk))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert trails(acme, globex) == before


def trails(*tenants: Tenant) -> list[tuple]:
    found = []
    for tenant in tenants:
        with tenant_context(tenant):
            found += AuditEvent.objects.order_by("seq").values_list("seq", "actor", "hash")
    return found


def test_what_is_forged_gets_the_databases_number_time_and_hash(ada, acme):
    with tenant_context(acme, by=ada):
        AuditEvent.record(Action.WORKSPACE_CHANGED, by=ada, target=acme)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO audit_auditevent SELECT (jsonb_populate_record(e, jsonb_build_object('id', "
                "gen_random_uuid(), 'seq', 99, 'at', '2001-01-01', 'hash', 'x', 'prev_hash', 'y'))).* "
                "FROM audit_auditevent e LIMIT 1"
            )
        first, forged = AuditEvent.objects.order_by("seq")
    assert (forged.seq, forged.prev_hash) == (first.seq + 1, first.hash)
    assert forged.at.year > 2001 and len(forged.hash) == 64


def test_a_person_who_goes_leaves_the_trail_whole(ada, linus, acme):
    with tenant_context(acme, by=linus):
        AuditEvent.record(Action.ACCOUNT_CHANGED, by=linus, target=acme)
    before = trails(acme)
    with tenant_context(acme):
        User.objects.filter(pk=linus.user_id).delete()
    assert trails(acme) == before


# -- operators ---------------------------------------------------------------------------------------------------------


def test_being_superuser_opens_no_workspace_and_no_door(companies):
    operator = companies.operator
    with person_context(operator):
        assert list(Tenant.objects.all()) == []
    client = Client()
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    for name, address in tour.addresses(companies.acme).items():
        answer = client.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert b"canary" not in body, name
    assert person("Someone", "Else").has_perm("see_workspace", companies.acme.tenant) is False
    assert operator.has_perm("see_workspace", companies.acme.tenant) is False
