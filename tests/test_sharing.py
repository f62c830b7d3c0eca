"""What a partner sees is chosen, looked at and confirmed; both sides find it in their trails."""

import html
import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps.models import Account, Overlap
from partners.models import (
    Connection,
    DataRequest,
    FieldPreset,
    Level,
    Partner,
    Population,
    Share,
    SharingDefault,
    SharingRule,
    all_hidden,
    shares_from,
    stamp,
)
from partners.models.sharing import PRESETS
from tests.pairs import NAMES_OF_CUSTOMERS, connect, invite
from tests.sharing import add, looked_at, seen_by
from tests.sharing import confirm as confirmed

HIDDEN = {name.value: "hidden" for name in Population}
ALL_HIDDEN = stamp(shares_from(all_hidden()))


@pytest.fixture
def ours(ada, grace) -> Partner:
    return connect(ada, grace)[0]


@pytest.fixture
def confirm(acme, ours) -> str:
    return acme.path_to("overlaps:sharing_confirm", pk=ours.pk)


def levels_of(partner: Partner) -> dict:
    with tenant_context(partner.tenant_id):
        return Partner.objects.get(pk=partner.pk).levels


def versions() -> tuple[int, int]:
    link = Connection.objects.get()
    return link.inviter_version, link.invitee_version


def test_everything_is_hidden_at_first(log_in, ada, acme, globex, ours):
    page = log_in(ada).get(acme.path_to("overlaps:sharing", pk=ours.pk))

    assert [row.level.value() for row in page.context["form"].rows] == ["hidden"] * 3
    with tenant_context(globex):
        assert set(Partner.objects.get().their_levels.values()) == {Level.HIDDEN}


def test_the_consequence_is_shown_and_nothing_saved(log_in, ada, acme, ours, confirm):
    with tenant_context(acme):
        Account.objects.create(name="Stark", population="customers")
        Account.objects.create(name="Wayne", population="customers", is_private=True)

    page = log_in(ada).get(confirm, HIDDEN | {"customers": "all", "seen": ALL_HIDDEN})

    assertContains(page, "This newly reveals <b>1 account</b> to Globex")
    assertContains(page, "name, country, domain, owner")
    assert levels_of(ours) == all_hidden()


def test_confirmed_is_saved_and_told_to_both(log_in, ada, acme, globex, ours, confirm):
    with tenant_context(acme):
        before = versions()

    response = confirmed(log_in(ada), confirm, HIDDEN | {"customers": "overlaps", "seen": ALL_HIDDEN})

    assertRedirects(response, acme.path_to("overlaps:sharing", pk=ours.pk))
    assert levels_of(ours) == NAMES_OF_CUSTOMERS
    for tenant, target in ((acme, "Globex"), (globex, "Acme")):
        with tenant_context(tenant):
            event = AuditEvent.objects.get(action="sharing.changed")
            assert event.target == target
            assert (
                '"Customers": ["Hidden", "Overlapping accounts (name, domain, country, owner)"]'
                in event.changes
            )
    with tenant_context(globex):
        assert versions() == (before[0] + 1, before[1])
        assert Partner.objects.get().their_levels == NAMES_OF_CUSTOMERS


def test_the_other_side_sees_the_level_and_not_the_rule(ours, ada, globex, acme):
    with tenant_context(acme):
        ours.share(shares_from(NAMES_OF_CUSTOMERS), seen=ALL_HIDDEN, by=ada)
    with tenant_context(globex):
        assert set(SharingRule.objects.values_list("level", flat=True)) == {"hidden"}
        assert set(SharingRule.across_tenants.values_list("level", flat=True)) == {"hidden"}


def test_somebody_changed_it_meanwhile(log_in, ada, alan, acme, ours, confirm):
    with tenant_context(acme):
        ours.share(shares_from(NAMES_OF_CUSTOMERS), seen=ALL_HIDDEN, by=alan)

    response = log_in(ada).post(confirm, HIDDEN | {"customers": "all", "seen": ALL_HIDDEN})

    assertContains(response, "Overlapping accounts", status_code=409)
    assertContains(response, "All accounts", status_code=409)
    now = stamp(shares_from(NAMES_OF_CUSTOMERS))
    assertContains(response, f'value="{now}"', status_code=409)
    assert levels_of(ours) == NAMES_OF_CUSTOMERS

    again = confirmed(log_in(ada), confirm, HIDDEN | {"customers": "all", "seen": now})
    assert again.status_code == 302
    assert levels_of(ours)[Population.CUSTOMERS] == Level.ALL


def test_numbers_that_changed_meanwhile_are_shown_again(log_in, ada, acme, globex, ours, confirm):
    """What the partner gets is what the person saw, in numbers, too."""
    fields = looked_at(log_in(ada), confirm, HIDDEN | {"customers": "all", "seen": ALL_HIDDEN})
    add(acme, "Stark", "customers")
    response = log_in(ada).post(confirm, fields)
    assertContains(response, "Something changed meanwhile", status_code=409)
    assertContains(response, "<b>1 account</b>", status_code=409)
    assert levels_of(ours) == all_hidden() and seen_by(globex) == set()

    assert confirmed(log_in(ada), confirm, fields).status_code == 302
    assert {name for name, *_ in seen_by(globex)} == {"Stark"}


def test_fields_last_day_and_the_default_are_chosen_for_each_population(
    log_in, ada, acme, globex, ours, confirm
):
    with tenant_context(acme, by=ada):
        default = {Population.PROSPECTS: Share(Level.COUNTS)}
        SharingDefault.change(default, seen=stamp(SharingDefault.shares()), by=ada)
        seen = stamp(ours.shares_now())
    until = timezone.localdate() + timedelta(days=5)
    fields = {
        **{"customers": "overlaps", "customers-preset": "deal", "customers-until": until.isoformat()},
        **{
            "open_opportunities": "counts",
            "open_opportunities-preset": "standard",
            "prospects-follows": "on",
        },
        **{"prospects-preset": "standard", "seen": seen},
    }
    assert confirmed(log_in(ada), confirm, fields).status_code == 302
    with tenant_context(acme):
        shares = Partner.objects.get().shares_now()
    assert shares[Population.CUSTOMERS] == Share(Level.OVERLAPS, "deal", PRESETS["deal"][1], until)
    assert shares[Population.PROSPECTS] == Share(Level.COUNTS, follows=True)
    with tenant_context(globex):
        told = Partner.objects.get().their_shares[Population.CUSTOMERS]
        assert told.until == until and "amount" in told.fields
    page = log_in(ada).get(acme.path_to("overlaps:sharing", pk=ours.pk))
    assertContains(page, f'value="{until.isoformat()}"')
    yesterday = (timezone.localdate() - timedelta(days=1)).isoformat()
    wrong = log_in(ada).get(confirm, fields | {"customers-until": yesterday, "seen": stamp(shares)})
    assertContains(wrong, "Choose a day from today on.", status_code=422)


# -- asking for more ----------------------------------------------------------------------------------------------


def test_a_request_is_made_answered_by_raising_the_level_or_declined(log_in, ada, grace, acme, globex, ours):
    with tenant_context(globex):
        theirs = Partner.objects.get()
    ask = acme.path_to("partners:ask", pk=ours.pk)
    asked = {"population": "customers", "level": "overlaps", "note": "Before the fair"}
    assert log_in(ada).post(ask, asked).status_code == 302
    assert log_in(ada).post(ask, asked).status_code == 422  # once
    assertContains(log_in(ada).get(acme.path_to("overlaps:sharing", pk=ours.pk)), "Withdraw")

    page = log_in(grace).get(globex.path_to("overlaps:sharing", pk=theirs.pk))
    assertContains(page, "“Before the fair”")
    link = html.unescape(re.search(r'href="([^"]*sharing/confirm/[^"]*)"', page.text)[1])
    path, _, query = link.partition("?")
    fields = dict(parse_qsl(query))
    assert confirmed(log_in(grace), path, fields).status_code == 302
    with tenant_context(acme):
        assert DataRequest.objects.get().state == "accepted"

    assert log_in(ada).post(ask, asked | {"population": "prospects"}).status_code == 302
    with tenant_context(globex):
        request = DataRequest.objects.open().get()
    decline = globex.path_to("partners:request_decline", pk=theirs.pk, asked=request.pk)
    assert log_in(ada).post(decline).status_code == 404
    assert log_in(grace).post(decline).status_code == 302
    with tenant_context(globex):
        request.refresh_from_db()
        assert (request.state, request.answered_by) == ("declined", "Grace")
        assert Partner.objects.get().levels[Population.PROSPECTS] == Level.HIDDEN


def test_a_request_can_be_withdrawn_and_not_be_answered_then(log_in, ada, grace, acme, globex, ours):
    log_in(ada).post(
        acme.path_to("partners:ask", pk=ours.pk), {"population": "customers", "level": "overlaps"}
    )
    with tenant_context(acme):
        request = DataRequest.objects.get()
    withdraw = acme.path_to("partners:request_withdraw", pk=ours.pk, asked=request.pk)
    assert log_in(ada).post(withdraw).status_code == 302
    with tenant_context(globex):
        theirs = Partner.objects.get()
    log_in(grace).post(globex.path_to("partners:request_decline", pk=theirs.pk, asked=request.pk))
    with tenant_context(acme):
        assert DataRequest.objects.get().state == "withdrawn"


# -- the workspace's defaults, and sets of fields -------------------------------------------------------------------


@pytest.fixture
def follower(ada, grace, acme, ours):
    """Globex has no rule of its own."""
    with tenant_context(acme, by=ada):
        SharingRule.objects.filter(partner=ours).delete()
    return ours


def test_defaults_are_confirmed_in_numbers_for_all_who_follow_them(log_in, ada, acme, globex, follower):
    add(acme, "Stark", "customers")
    path = acme.path_to("overlaps:sharing_defaults_confirm")
    with tenant_context(acme):
        fields = {"customers": "all", "seen": stamp(SharingDefault.shares())}
    page = log_in(ada).get(path, fields)
    assertContains(page, "This newly reveals 1 account and 4 fields to 1 partner")
    assert confirmed(log_in(ada), path, fields).status_code == 302
    assert {name for name, *_ in seen_by(globex)} == {"Stark"}


def test_a_set_of_fields_is_made_used_changed_with_its_numbers_and_kept_while_in_use(
    log_in, ada, acme, globex, ours, confirm
):
    add(acme, "Stark", "customers", stage="Won", owner_name="Tony")
    client = log_in(ada)
    new = acme.path_to("overlaps:preset_new")
    assert client.post(new, {"name": "Stages", "chosen": ["stage"]}).status_code == 302
    assert client.post(new, {"name": "Stages", "chosen": []}).status_code == 422
    with tenant_context(acme):
        preset, seen = FieldPreset.objects.get(), stamp(ours.shares_now())
    confirmed(client, confirm, {"customers": "all", "customers-preset": str(preset.pk), "seen": seen})
    with tenant_context(globex):
        assert Overlap.objects.get().stage == "Won" and Overlap.objects.get().owner_name == ""

    edit = acme.path_to("overlaps:preset_edit", pk=preset.pk)
    more = {"name": "Stages", "chosen": ["stage", "owner_name"]}
    page = client.post(edit, more)
    assertContains(page, "to 1 partner", status_code=409)
    with tenant_context(globex):
        assert Overlap.objects.get().owner_name == ""
    shown = re.search(r'name="shown" value="([0-9a-f]{16})"', page.text)[1]
    assert client.post(edit, more | {"shown": shown}).status_code == 302
    with tenant_context(globex):
        assert Overlap.objects.get().owner_name == "Tony"
    client.post(acme.path_to("overlaps:preset_remove", pk=preset.pk))
    with tenant_context(acme):
        assert FieldPreset.objects.exists()


@pytest.mark.parametrize("who", ["vera", "linus", "mallory"])
def test_others_change_no_defaults_and_no_fields(who, request, log_in, ada, acme):
    with tenant_context(acme, by=ada):
        preset = FieldPreset.make(name="Stages", fields=["stage"], by=ada)
    client = log_in(request.getfixturevalue(who))
    status = 404 if who == "mallory" else 403
    for name, kwargs in {
        "sharing_defaults": {}, "sharing_defaults_confirm": {}, "preset_new": {},
        "preset_edit": {"pk": preset.pk}, "preset_remove": {"pk": preset.pk},
    }.items():  # fmt: skip
        path = acme.path_to(f"overlaps:{name}", **kwargs)
        assert client.get(path).status_code == status
        if name != "sharing_defaults":
            assert client.post(path, {"name": "X", "customers": "all"}).status_code == status


def test_the_model_refuses_what_was_not_seen(ada, alan, acme, ours):
    with tenant_context(acme):
        ours.share(shares_from(NAMES_OF_CUSTOMERS), seen=ALL_HIDDEN, by=alan)
        with pytest.raises(Partner.Changed):
            ours.share(shares_from(all_hidden()), seen=ALL_HIDDEN, by=ada)


def test_no_change_leaves_no_mark(log_in, ada, acme, ours, confirm):
    with tenant_context(acme):
        before = versions()

    log_in(ada).post(confirm, HIDDEN | {"seen": ALL_HIDDEN})

    with tenant_context(acme):
        assert versions() == before
        assert not AuditEvent.objects.filter(action="sharing.changed").exists()


def test_what_an_invitation_will_show_can_be_changed_before(log_in, ada, acme):
    partner = invite(ada).partner
    confirm = acme.path_to("overlaps:sharing_confirm", pk=partner.pk)

    confirmed(log_in(ada), confirm, HIDDEN | {"customers": "overlaps", "seen": ALL_HIDDEN})

    assert levels_of(partner) == NAMES_OF_CUSTOMERS


@pytest.mark.parametrize(
    "wrong",
    [
        {"customers": "everything"},
        {"seen": ""},
        {"seen": "hidden"},
        {"seen": "a,b,c"},
        {"seen": "\0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_no_level_is_refused(method, wrong, log_in, ada, ours, confirm):
    response = getattr(log_in(ada), method)(confirm, HIDDEN | {"seen": ALL_HIDDEN} | wrong)

    assert response.status_code == 422
    assert levels_of(ours) == all_hidden()


@pytest.mark.parametrize("who", ["vera", "linus"])
def test_others_may_look_and_not_change(who, request, log_in, acme, ours, confirm):
    client = log_in(request.getfixturevalue(who))

    page = client.get(acme.path_to("overlaps:sharing", pk=ours.pk))
    assert page.status_code == 200
    assertNotContains(page, 'type="radio"')
    assert client.get(confirm, HIDDEN | {"seen": ALL_HIDDEN}).status_code == 403
    assert client.post(confirm, HIDDEN | {"customers": "all", "seen": ALL_HIDDEN}).status_code == 403
    assert levels_of(ours) == all_hidden()


@pytest.mark.parametrize("who", ["grace", "mallory"])
def test_to_others_it_does_not_exist(who, request, log_in, acme, ours):
    stranger = request.getfixturevalue(who)
    client = log_in(stranger)
    for tenant in (acme, stranger.tenant):
        names = ("overlaps:sharing", "overlaps:sharing_confirm", "partners:detail", "partners:change")
        for name in (*names, "partners:end", "partners:ask"):
            url = tenant.path_to(name, pk=ours.pk)
            assert client.get(url).status_code == 404
            if name not in {"overlaps:sharing", "partners:detail"}:
                assert client.post(url, HIDDEN | {"seen": ALL_HIDDEN}).status_code == 404


# -- pause, resume, end ----------------------------------------------------------------------------------------


def states(acme, globex) -> list[str]:
    found = []
    for tenant in (acme, globex):
        with tenant_context(tenant):
            found += [Partner.objects.get().state, Connection.objects.get().state]
    return found


def test_only_who_paused_may_resume(log_in, ada, grace, acme, globex, ours):
    log_in(ada).post(acme.path_to("partners:pause", pk=ours.pk))
    assert states(acme, globex) == ["paused"] * 4

    with tenant_context(globex):
        theirs = Partner.objects.get()
        with pytest.raises(Connection.NotNow):
            theirs.resume(by=grace)
    page = log_in(grace).get(globex.path_to("partners:detail", pk=theirs.pk))
    assertContains(page, "Acme paused this connection")
    assertNotContains(page, "Resume</button>")

    log_in(ada).post(acme.path_to("partners:resume", pk=ours.pk))
    assert states(acme, globex) == ["connected", "active"] * 2
    with tenant_context(globex):
        seen = AuditEvent.objects.filter(action__startswith="connection").order_by("seq")
        assert [(event.action, event.actor, event.target) for event in seen] == [
            ("connection.paused", "Ada (Acme)", "Acme"),
            ("connection.resumed", "Ada (Acme)", "Acme"),
        ]


def test_the_other_side_may_end_what_is_paused(ada, grace, acme, globex, ours):
    with tenant_context(acme):
        ours.pause(by=ada)
    with tenant_context(globex):
        Partner.objects.get().end(by=grace)

    assert states(acme, globex) == ["ended"] * 4


def test_the_end_is_final_and_leaves_no_rule(log_in, ada, grace, acme, globex):
    ours, _ = connect(ada, grace, shows=NAMES_OF_CUSTOMERS, shown=NAMES_OF_CUSTOMERS)
    client, url = log_in(ada), acme.path_to("partners:end", pk=ours.pk)
    assertContains(client.get(url), "This is final")

    client.post(url)

    assert states(acme, globex) == ["ended"] * 4
    for tenant, member in ((acme, ada), (globex, grace)):
        with tenant_context(tenant):
            assert not SharingRule.objects.exists()
            partner = Partner.objects.get()
            for act in (partner.pause, partner.resume, partner.end):
                with pytest.raises(Connection.NotNow):
                    act(by=member)
            assert AuditEvent.objects.filter(action="connection.ended").count() == 1
    assertRedirects(client.get(url), acme.path_to("partners:detail", pk=ours.pk))


@pytest.mark.parametrize("act", ["pause", "resume", "end", "change"])
@pytest.mark.parametrize("who", ["vera", "linus"])
def test_who_may_not(who, act, request, log_in, acme, globex, ours):
    response = log_in(request.getfixturevalue(who)).post(acme.path_to(f"partners:{act}", pk=ours.pk))

    assert response.status_code == 403
    assert states(acme, globex) == ["connected", "active"] * 2


def test_a_stranger_moves_nothing(log_in, mallory, acme, globex, initech, ours):
    for tenant in (acme, initech):
        for act in ("pause", "resume", "end"):
            url = tenant.path_to(f"partners:{act}", pk=ours.pk)
            assert log_in(mallory).post(url).status_code == 404
    assert states(acme, globex) == ["connected", "active"] * 2


def test_a_third_workspace_sees_no_connection(ours, initech):
    with tenant_context(initech):
        assert not Connection.objects.exists()
        assert not Connection.across_tenants.exists()
        assert not Connection.across_tenants.update(state="ended")
