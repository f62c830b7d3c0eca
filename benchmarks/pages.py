"""Pages and fragments against a bare Django view that renders the same HTML from constants (ms, and ratio)."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import bare, world
from benchmarks.clock import measure

PAGES = {
    "home": "/w/acme/",
    "overlaps": "/w/acme/overlaps/",
    "accounts": "/w/acme/accounts/",
    "partners": "/w/acme/partners/",
    "intros": "/w/acme/intros/",
    "members": "/w/acme/members/",
    "audit": "/w/acme/audit/",
    "overview": "/workspaces/overview/",
}
FRAGMENTS = {"switcher": "/workspaces/switcher/?at=acme", "search": "/w/acme/search/?q=company+1"}
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def run() -> None:
    ada, grace = world.founder("Acme"), world.founder("Globex")
    for membership, first in ((ada, 0), (grace, 1_000)):
        world.add_accounts(membership.tenant, 3_000, first)
        world.add_members(membership.tenant, 30)
    world.connect(ada, grace)
    world.analyse()
    client = world.signed_in(ada)
    print(
        f"{'':12}{'queries':>8}{'p50':>8}{'p95':>8}{'bare p50':>10}{'bare p95':>10}{'ratio p50':>11}{'ratio p95':>11}"
    )
    for name, url in (PAGES | FRAGMENTS).items():
        headers = {"HX-Request": "true"} if name in FRAGMENTS else {}
        _line(name, client, url, headers)


def _line(name: str, client, url: str, headers: dict[str, str]) -> None:
    client.get(url, headers=headers)  # the first visit after another workspace also notes where the person is
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url, headers=headers)
    count = sum(not query["sql"].startswith(CONTROL) for query in queries)
    assert response.status_code == 200, (url, response.status_code)
    bare.PAGES[name] = response.text
    times = measure(
        {"page": lambda: client.get(url, headers=headers), "bare": lambda: client.get(f"/bare/{name}/")},
        rounds=100,
    )
    (p50, p95), (bare50, bare95) = times["page"], times["bare"]
    ratios = f"{p50 / bare50:.1f} / {p95 / bare95:.1f}"
    print(f"{name:12}{count:>8}{p50:>8.1f}{p95:>8.1f}{bare50:>10.1f}{bare95:>10.1f}{ratios:>14}")
