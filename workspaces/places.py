"""The workspaces of the person who looks: what `/` chooses from, and what the switcher and the chooser list.

To be asked outside of a workspace: inside, there is no other one.
"""

from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, When

from core.models import Membership
from core.tenancy import tenant_context


def mine(named: str = "") -> QuerySet[Membership]:
    """Last used first, then by name."""
    places = Membership.objects.active().filter(tenant__is_active=True).select_related("tenant")
    if named := " ".join(named.replace("\0", "").split())[:100]:
        places = places.filter(tenant__name__icontains=named)
    return places.order_by(F("last_used_at").desc(nulls_last=True), "tenant__name", "pk")


def at_first(slug: str, number: int) -> QuerySet[Membership]:
    """The workspace at hand on top, and as many others as were used last: a thousand more cost nothing."""
    slug = slug.replace("\0", "")  # PostgreSQL knows no such text
    here = Membership.objects.filter(tenant__slug=slug)
    # Chosen before the workspaces are looked at: each of those has to pass its policy.
    recent = Membership.objects.active().order_by(F("last_used_at").desc(nulls_last=True), "pk")[:number]
    chosen = mine().filter(Q(pk__in=here.values("pk")) | Q(pk__in=recent.values("pk")))
    return chosen.order_by(Case(When(tenant__slug=slug, then=0), default=1), *mine().query.order_by)


def landing(last: str | None) -> Membership | None:
    """The workspace used last, else the default one, else the only one."""
    last_first = [Case(When(tenant=UUID(last), then=0), default=1)] if last else []
    places = list(mine().order_by(*last_first, F("is_default").desc(), "pk")[:2])
    if places and (str(places[0].tenant_id) == last or places[0].is_default or len(places) == 1):
        return places[0]
    return None


def make_default(place: Membership) -> None:
    """For this person's own landing only; nothing changes for the workspace."""
    others = Membership.objects.filter(is_default=True).exclude(pk=place.pk)
    for membership in [*others, place]:
        with tenant_context(membership.tenant_id):
            Membership.objects.filter(pk=membership.pk).update(is_default=membership == place)
