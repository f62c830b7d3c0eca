"""Lock 2: the default manager of a tenant table answers for the current workspace only, or not at all."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models

from core.tenancy import Context, NoTenantContext, WrongTenant, current_context, current_tenant_id


def _ask_context() -> None:
    if current_context() == Context():
        raise NoTenantContext("Rows were fetched after their context had ended.")


class ContextQuerySet(models.QuerySet):
    """Asks for the context when its rows are fetched too: outside one, the database would answer "none" in silence."""

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            _ask_context()
        super()._fetch_all()

    def _iterator(self, *args: Any) -> Iterator[Any]:
        _ask_context()
        yield from super()._iterator(*args)


class TenantQuerySet(ContextQuerySet):
    def update(self, **values: Any) -> int:
        if {"tenant", "tenant_id"} & values.keys():
            raise WrongTenant("A row never moves to another workspace.")
        return super().update(**values)

    def bulk_create(self, objs: Iterable[models.Model], *args: Any, **kwargs: Any) -> list[models.Model]:
        objs = list(objs)
        for obj in objs:
            obj.join_tenant()
        return super().bulk_create(objs, *args, **kwargs)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):
    def get_queryset(self) -> TenantQuerySet:
        return super().get_queryset().filter(tenant_id=current_tenant_id())


class TwoSidedManager(models.Manager):
    """For rows that two workspaces share: `model.SIDES` names the columns of both."""

    def get_queryset(self) -> models.QuerySet:
        tenant_id = current_tenant_id()
        either = models.Q()
        for side in self.model.SIDES:
            either |= models.Q(**{side: tenant_id})
        return super().get_queryset().filter(either)


class OwnOrTenantManager(models.Manager):
    """Workspaces and memberships: those of the current workspace, or, where there is none, the person's own."""

    def get_queryset(self) -> models.QuerySet:
        context = current_context()
        if context.tenant_id:
            return super().get_queryset().filter(**{self.model.TENANT_LOOKUP: context.tenant_id})
        if context.user_id:
            return super().get_queryset().filter(**{self.model.PERSON_LOOKUP: context.user_id})
        raise NoTenantContext("Open tenant_context(tenant) or person_context(user) first.")
