from audit.models import AuditEvent
from core.tenancy import tenant_context
from partners.models import (
    Connection,
    Level,
    Partner,
    Population,
    all_hidden,
)
from tests.pairs import NAMES_OF_CUSTOMERS, connect

COUNTS = all_hidden() | {Population.PROSPECTS: Level.COUNTS}


def actions(tenant) -> list[str]:
    with tenant_context(tenant):
        return list(
            AuditEvent.objects.filter(action__regex="^(partner|conn|sharing|grant)")
            .order_by("seq")
            .values_list("action", flat=True)
        )


def test_both_see_the_connection(ada, grace, acme, globex):
    ours, theirs = connect(ada, grace, shows=NAMES_OF_CUSTOMERS, shown=COUNTS)

    with tenant_context(acme):
        assert (ours.name, ours.state) == ("Globex", Partner.State.CONNECTED)
        assert ours.levels == NAMES_OF_CUSTOMERS
        assert ours.their_levels == COUNTS
    with tenant_context(globex):
        assert (theirs.name, theirs.domain, theirs.state) == ("Acme", "acme.example", Partner.State.CONNECTED)
        assert theirs.levels == COUNTS
        assert theirs.their_levels == NAMES_OF_CUSTOMERS
        link = Connection.objects.get()
        assert (link.inviter_version, link.invitee_version) == (2, 2)
    assert actions(acme) == ["partner.invited", "partner.connected"]
    assert actions(globex) == ["partner.connected"]
