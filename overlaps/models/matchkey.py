"""What the match functions compare: one narrow row for each account that may be matched."""

from django.db import models

from core.models import TenantModel


class MatchKey(TenantModel):
    """The keys of the account with the same id, as 64-bit hashes, and what is known of them in their list.

    Nothing but overlaps/keys.py makes keys, and only from a name, a website, a country and a company number; see
    `COLUMNS` and `VALUES`. The facts below are kept by a trigger, whoever writes. An account that takes no part, such
    as a private one, has no row here. The rows go with their accounts.
    """

    # From a table or sub-query "staged" with the columns of overlaps.keys.Keys.
    COLUMNS = ", ".join(
        "name name_hash one_word form bits core_hash is_core country domain_hash label names_domain number_hash".split()
        + ["number_kind"]
    )
    VALUES = (
        "name, overlaps_hash(replace(name, ' ', '')), position(' ' in name) = 0, hashtext(form), bits, "
        "overlaps_hash(core), is_core, country, "
        "overlaps_hash(domain), hashtext(split_part(domain, '.', 1)), names_domain, overlaps_hash(number), "
        "hashtext(split_part(number, ':', 1))"
    )

    # As TenantModel has it, without a look at the workspace for each of a million rows.
    tenant = models.ForeignKey(
        "core.Tenant",
        models.DO_NOTHING,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
    )
    name = models.TextField()
    name_hash = models.BigIntegerField(null=True)  # of the name without spaces: "JP Morgan" is "JPMorgan"
    one_word = models.BooleanField()
    form = models.IntegerField()
    bits = models.SmallIntegerField()  # how much the name tells, see overlaps/names.py
    core_hash = models.BigIntegerField(null=True)
    is_core = models.BooleanField()
    country = models.CharField(max_length=2, blank=True)
    domain_hash = models.BigIntegerField(null=True)
    label = models.IntegerField()  # "acme" of acme.co.uk
    names_domain = models.BooleanField()  # the name is to be seen in the domain
    number_hash = models.BigIntegerField(null=True)
    number_kind = models.IntegerField()
    # Facts of the list. Companies, not rows: rows with one domain of their own are one company.
    domain_shared = models.BooleanField(
        db_default=False
    )  # more than three names, or twenty rows, have this domain
    number_shared = models.BooleanField(db_default=False)  # more than twenty rows have it
    of_name = models.SmallIntegerField(
        db_default=1
    )  # how many companies have this name; 100: that many or more
    of_country = models.SmallIntegerField(db_default=1)  # this name in this country
    of_core = models.SmallIntegerField(db_default=1)  # this core of a name
    of_form = models.SmallIntegerField(db_default=1)  # this name in this country with this legal form

    class Meta(TenantModel.Meta):
        # The first two hold all that the joins of whole lists ask: two sorted walks are faster than a hash table.
        indexes = [
            models.Index(
                fields=["tenant", "name_hash", "country"],
                name="matchkey_by_name",
                include=(
                    *(
                        "id",
                        "of_name",
                        "of_country",
                        "of_form",
                        "bits",
                        "one_word",
                        "domain_shared",
                        "number_shared",
                    ),
                    *("form", "label", "number_kind", "domain_hash", "number_hash"),
                ),
            ),
            models.Index(
                fields=["tenant", "domain_hash"],
                name="matchkey_by_domain",
                include=(
                    *("id", "names_domain", "domain_shared", "number_shared", "number_kind", "name_hash"),
                    "number_hash",
                ),
                condition=models.Q(domain_hash__isnull=False),
            ),
            models.Index(fields=["tenant", "core_hash"], name="matchkey_by_core"),
            models.Index(
                fields=["tenant", "number_hash"],
                name="matchkey_by_number",
                condition=models.Q(number_hash__isnull=False),
            ),
            models.Index(
                fields=["tenant"], name="matchkey_of_frequent_name", condition=models.Q(of_name__gt=3)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Touched(TenantModel):
    """An account (by its id) whose keys or facts changed since its overlaps were last looked for.

    The id of all zeros stands for the whole list. `keys`: what it is compared by changed, not only what may be shown.
    """

    keys = models.BooleanField(db_default=True)

    tenant = models.ForeignKey(
        "core.Tenant",
        models.DO_NOTHING,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
    )

    def __str__(self) -> str:
        return str(self.pk)
