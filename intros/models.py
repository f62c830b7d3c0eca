"""The request for an introduction, from a draft to the mail that was sent."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from core.managers import TwoSidedManager
from core.models import PublicModel, Tenant


class IntroQuerySet(models.QuerySet["Intro"]):
    def asked_by(self, tenant: Tenant) -> Self:
        return self.filter(requester=tenant)

    def received_by(self, tenant: Tenant) -> Self:
        return self.filter(receiver=tenant)


class Intro(PublicModel):
    """One side of an overlap asks the other to introduce it to the company they share.

    Both workspaces see this row; a draft is seen by the requester only (the database's policy says so too).
    """

    SIDES = ("requester_id", "receiver_id")

    class State(models.TextChoices):
        DRAFT = "draft"
        REQUESTED = "requested"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        INTRODUCED = "introduced"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    class Reason(models.TextChoices):
        PROBLEM_UNCLEAR = "problem_unclear", "customer’s problem unclear"
        NEXT_STEPS_UNCLEAR = "next_steps_unclear", "next steps unclear"
        NO_RELATIONSHIP = "no_relationship", "no relationship there"
        TIMING = "timing", "timing"
        DUPLICATE = "duplicate", "duplicate"
        NOT_A_CUSTOMER = "not_a_customer", "not a customer any more"
        NO_RESPONSE = "no_response", "no response"
        OTHER_VENDOR = "other_vendor", "chose another vendor"
        BUDGET = "budget", "budget"
        OTHER = "other", "other"

    requester = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    receiver = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    requester_name = models.CharField(
        max_length=100
    )  # each side's name as it was: the other can't look it up
    receiver_name = models.CharField(max_length=100)
    connection_id = models.UUIDField()
    company = models.CharField(max_length=200)
    domain = models.CharField(max_length=253, blank=True)
    requester_account = models.UUIDField(null=True, blank=True)
    receiver_account = models.UUIDField()
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    ask = models.TextField("why now", max_length=2000)
    forwardable = models.TextField(max_length=4000)
    due_on = models.DateField()
    asked_by = models.CharField(max_length=254)
    asked_by_id = models.UUIDField()
    answer = models.TextField(blank=True, max_length=2000)
    answered_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    requested_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    introduced_at = models.DateTimeField(null=True, blank=True)

    objects = TwoSidedManager.from_queryset(IntroQuerySet)()
    across_tenants = models.Manager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(condition=~Q(requester=F("receiver")), name="intro_has_two_sides")
        ]
        indexes = [
            models.Index(fields=["requester", "state", "due_on"], name="intro_asked"),
            models.Index(fields=["receiver", "state", "due_on"], name="intro_received"),
        ]

    def __str__(self) -> str:
        return self.company
