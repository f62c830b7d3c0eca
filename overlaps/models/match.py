"""What the match functions keep for themselves. No login reads it: what a side may know stands in Overlap.

`a` is an account of the connection's inviter, `b` one of its invitee.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from overlaps.models.overlap import MatchRule
from partners.models import Population


class Match(models.Model):
    """Two accounts of a connection that are taken for one company, or (`is_match` false) may be."""

    pk = models.CompositePrimaryKey("connection_id", "a", "b")
    connection_id = models.UUIDField()
    a = models.UUIDField()
    b = models.UUIDField()
    company = models.UUIDField()  # the same for all accounts that hang together
    # The populations and amounts that the cells were counted with.
    a_populations = ArrayField(models.TextField())
    b_populations = ArrayField(models.TextField())
    a_amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    b_amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    rule = models.CharField(max_length=20, choices=MatchRule)
    confidence = models.SmallIntegerField()  # percent
    is_match = models.BooleanField()
    found_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["connection_id", "b"], name="match_by_b")]

    def __str__(self) -> str:
        return f"{self.a} × {self.b}"


class Cell(models.Model):
    """How much two populations have in common: one truth for both sides, of which each is shown what it may see."""

    pk = models.CompositePrimaryKey("connection_id", "a_population", "b_population")
    connection_id = models.UUIDField()
    a_population = models.TextField()
    b_population = models.TextField()
    a_accounts = models.IntegerField()
    b_accounts = models.IntegerField()
    companies = models.IntegerField()
    a_amount = models.DecimalField(max_digits=18, decimal_places=2)
    b_amount = models.DecimalField(max_digits=18, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.a_population} × {self.b_population}"


class Ruling(models.Model):
    """What the two owners of two accounts said of them; it outlives imports, and the accounts themselves.

    `one` is the lesser id. `says`: -1 not the same, 1 the same, 2 matched by hand. Signatures find the pair again when
    an account is deleted and imported anew.
    """

    pk = models.CompositePrimaryKey("one", "other")
    one = models.UUIDField()
    other = models.UUIDField()
    one_says = models.SmallIntegerField(default=0)
    other_says = models.SmallIntegerField(default=0)
    one_by = models.CharField(max_length=254, default="")
    other_by = models.CharField(max_length=254, default="")
    one_signature = models.BigIntegerField(null=True)
    other_signature = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["one_signature", "other_signature"], name="ruling_by_signatures")]

    def __str__(self) -> str:
        return f"{self.one} × {self.other}"


class ProbeDay(models.Model):
    """What one workspace did to its list in a day, as seen by one connection: the matter of Alarm."""

    pk = models.CompositePrimaryKey("connection_id", "tenant_id", "day")
    connection_id = models.UUIDField()
    tenant_id = models.UUIDField()  # who changed its list
    day = models.DateField()
    small_edits = models.IntegerField(default=0)
    accounts = models.IntegerField(default=0)  # new or with new keys
    hits = models.IntegerField(default=0)  # of them in the other list
    # of the other list's, newly by name, where there is a cap; it never falls
    shown = models.IntegerField(db_default=0)

    def __str__(self) -> str:
        return f"{self.connection_id} {self.day}"


class FrozenCount(models.Model):
    """How many accounts of a population the partner has too, rounded down to fives: told by dry runs, for a day.

    Only where the partner does not show all its names anyway; see overlaps/sql/dryrun.sql.
    """

    pk = models.CompositePrimaryKey("connection_id", "tenant_id", "population")
    connection_id = models.UUIDField()
    tenant_id = models.UUIDField()  # who asks, and whose accounts are counted
    population = models.CharField(max_length=20, choices=Population)
    accounts = models.IntegerField()
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.population}: {self.accounts}"
