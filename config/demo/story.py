"""Who is who in the demo, and what they do."""

import csv
import gzip
import io
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from allauth.account.models import EmailAddress
from django.core.files.base import ContentFile
from django.utils import timezone

from core.models import Membership, Tenant, Tier, User
from core.roles import Role
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps import imports
from overlaps.models import Overlap
from partners.models import Level, Partner, PartnerInvitation, Population
from workspaces.founding import found
from workspaces.models import Invitation

PASSWORD = "cosell-demo"  # noqa: S105
COMPANIES = Path(__file__).parent / "companies.csv.gz"
CUSTOMERS, OPEN, PROSPECTS = Population.CUSTOMERS, Population.OPEN_OPPORTUNITIES, Population.PROSPECTS
# How often a company is a customer or an open opportunity; the rest are prospects. Those that two lists have in
# common are the better known ones.
SHARES = {"Customer": 0.06, "Open opportunity": 0.03}
SHARES_IN_COMMON = {"Customer": 0.3, "Open opportunity": 0.17}
HEADER = ["Name", "Domain", "Country", "Population", "Owner", "Stage", "Amount"]

Say = Callable[[str], None]


def play(say: Say) -> None:
    random.seed(20)  # the same demo each time
    say("People and workspaces")
    maya = _founder("Maya Okafor", "Brightloom", "brightloom.example", Tier.GROWTH)
    tom = _founder("Tom Weller", "Kestrel Data", "kestreldata.example", Tier.PRO)
    priya = _founder("Priya Raman", "Lumenly", "lumenly.example", Tier.STARTER)
    dara = _person("Dara Quinn", "dara@brightloom.example")
    jonas = _person("Jonas Lindt", "jonas@brightloom.example")
    _join(maya, dara, Role.ADMIN)
    _join(maya, jonas, Role.MEMBER)
    _join(tom, dara, Role.MEMBER)
    _join(priya, dara, Role.VIEWER)
    _inside(
        maya, lambda: Invitation.send(by=maya, email="sofia@brightloom.example", note="Welcome to the team!")
    )

    say("Account lists: 20,000 companies")
    own, kestrel, lumenly, common = _lists()
    for by, filename, companies, owners in [
        (maya, "accounts-from-crm.csv", own, ["Maya Okafor", "Dara Quinn", "Jonas Lindt"]),
        (tom, "kestrel-accounts.csv", kestrel, ["Tom Weller", "Ines Duarte"]),
        (priya, "lumenly.csv", lumenly, ["Priya Raman", "Ari Holm"]),
    ]:
        _import(by, filename, _csv(companies, common, owners))

    say("Partners")
    shown = {CUSTOMERS: Level.OVERLAPS, OPEN: Level.OVERLAPS, PROSPECTS: Level.COUNTS}
    _connect(maya, tom, shown, {CUSTOMERS: Level.OVERLAPS, OPEN: Level.OVERLAPS, PROSPECTS: Level.OVERLAPS})
    _connect(
        priya,
        maya,
        {CUSTOMERS: Level.OVERLAPS, OPEN: Level.COUNTS, PROSPECTS: Level.HIDDEN},
        {CUSTOMERS: Level.OVERLAPS, OPEN: Level.COUNTS, PROSPECTS: Level.HIDDEN},
    )

    say("Intros")
    _asks(maya, tom)
    _asks_back(tom, maya)
    _asks_once(priya, maya)


# -- people ------------------------------------------------------------------------------------------------------


def _person(name: str, email: str) -> User:
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _founder(name: str, company: str, domain: str, plan: Tier) -> Membership:
    user = _person(name, f"{name.split()[0].lower()}@{domain}")
    return found(owner=user, name=company, domain=domain, contact_email=user.email, plan=plan)


def _inside(by: Membership, act: Callable[[], object]) -> object:
    with tenant_context(by.tenant, by=by):
        return act()


def _join(by: Membership, user: User, role: Role) -> None:
    invitation = _inside(by, lambda: Invitation.send(by=by, email=user.email, role=role))
    invitation.accept(by=user)


# -- account lists -----------------------------------------------------------------------------------------------


def _lists() -> tuple[list[dict], list[dict], list[dict], set[str]]:
    """Brightloom's, two that have some companies in common with it, and the domains of those."""
    with gzip.open(COMPANIES, "rt", encoding="utf-8", newline="") as file:
        companies = list(csv.DictReader(file))
    own, rest = companies[:9_000], companies[9_000:]
    with_kestrel, with_lumenly = random.sample(own, 1_500), random.sample(own, 700)
    common = {company["domain"] for company in with_kestrel + with_lumenly}
    return own, with_kestrel + rest[:4_500], with_lumenly + rest[4_500:8_800], common


def _import(by: Membership, filename: str, data: bytes) -> None:
    imports.bring_in(ContentFile(data, filename), by=by)


def _csv(companies: list[dict], common: set[str], owners: list[str]) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(HEADER)
    for company in companies:
        population = _population(SHARES_IN_COMMON if company["domain"] in common else SHARES)
        stage, amount = "", ""
        if population == "Open opportunity":
            stage = random.choice(["Discovery", "Proposal", "Negotiation"])
            amount = random.randrange(8, 160) * 1_000
        rows.writerow([*company.values(), population, random.choice(owners), stage, amount])
    return out.getvalue().encode()


def _population(shares: dict[str, float]) -> str:
    chance = random.random()
    for population, share in shares.items():
        if (chance := chance - share) < 0:
            return population
    return "Prospect"


# -- partners ----------------------------------------------------------------------------------------------------


def _connect(one: Membership, other: Membership, shown: dict, shown_back: dict) -> None:
    invitation = _inside(
        one,
        lambda: PartnerInvitation.send(
            by=one,
            name=other.tenant.name,
            domain=other.tenant.domain,
            email=other.user.email,
            note="We talked about this at the summit.",
            levels=shown,
        ),
    )
    PartnerInvitation.behind(invitation.token_hash).accept(by=other, levels=shown_back)


def _partner(by: Membership, tenant: Tenant) -> Partner:
    return Partner.objects.connected().get(name=tenant.name)


# -- intros ------------------------------------------------------------------------------------------------------

WHY = [
    "They asked us for a shortlist this week, and your team has run their rollout.",
    "Our proposal is with their head of operations; a word from somebody they trust would help.",
    "They renew with their present vendor in two months. We would like to be heard before.",
    "Their new data team is hiring; it looks like the project has a budget now.",
    "We met them at a fair and lost touch. They named you as a partner they like to work with.",
    "They compare three vendors, and security is the open question that you can speak to.",
]


def _request(
    by: Membership, receiver: Tenant, mine: Population, theirs: Population, number: int
) -> list[Intro]:
    """Ask for `number` intros from one cell of the matrix, the first by name."""
    with tenant_context(by.tenant, by=by):
        cell = Overlap.objects.visible().filter(
            partner=_partner(by, receiver), my_population=mine, their_population=theirs
        )
        made = []
        for overlap in cell.select_related("partner").order_by("name", "pk")[:number]:
            intro = Intro.draft(
                by=by,
                overlap=overlap,
                connector=overlap.owner_name,
                ask=WHY[len(made) % len(WHY)],
                forwardable=_forwardable(by, overlap),
                due_on=timezone.localdate() + timedelta(days=3 + 2 * len(made)),
            )
            made.append(intro)
        for intro in made[1:] if len(made) > 4 else made:  # of many, the first stays a draft
            intro.request(by=by)
        return made


def _forwardable(by: Membership, overlap: Overlap) -> str:
    return (
        f"Hi, I would like to introduce {by.user.name} of {by.tenant.name}. Companies like {overlap.name} use "
        f"{by.tenant.name} to save their teams a day a week. Would a first call next week be welcome?"
    )


def _answer(by: Membership, intro: Intro, act: Callable[[Intro], None]) -> None:
    with tenant_context(by.tenant, by=by):
        act(Intro.objects.get(pk=intro.pk))


def _asks(maya: Membership, tom: Membership) -> None:
    _draft, _waiting, accepted, introduced, declined = _request(maya, tom.tenant, OPEN, CUSTOMERS, 5)
    _answer(tom, accepted, lambda intro: intro.accept(by=tom, answer="Happy to. I know their CIO well."))
    _answer(tom, introduced, lambda intro: intro.accept(by=tom, answer="Yes, they like to hear from us."))
    _answer(tom, introduced, lambda intro: intro.introduce(by=tom, answer="Mail is out, you are in copy."))
    _answer(
        tom,
        declined,
        lambda intro: intro.decline(
            by=tom, reason=Intro.Reason.TIMING, answer="They are in a merger; in spring."
        ),
    )


def _asks_back(tom: Membership, maya: Membership) -> None:
    requests = _request(tom, maya.tenant, OPEN, CUSTOMERS, 4)
    _answer(maya, requests[-1], lambda intro: intro.accept(by=maya, answer="Gladly, next week."))


def _asks_once(priya: Membership, maya: Membership) -> None:
    _request(priya, maya.tenant, PROSPECTS, CUSTOMERS, 1)
