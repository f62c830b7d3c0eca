"""An import as a person goes through it, page by page."""

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from core.models import Membership
from core.tenancy import tenant_context
from overlaps.forms.imports import ColumnsForm, StartForm
from overlaps.models import Import
from partners.models import Partner


def file(data: bytes, name: str = "hubspot.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "text/csv")


class Wizard:
    def __init__(self, member: Membership, run_jobs: Callable, partner: Partner | None = None) -> None:
        self.member, self.run_jobs, self.partner = member, run_jobs, partner
        self.client = Client()
        self.client.force_login(member.user, "allauth.account.auth_backends.AuthenticationBackend")

    def path(self, step: str, batch: Import | None = None) -> str:
        return self.member.tenant.path_to(f"overlaps:{step}", **({"pk": batch.pk} if batch else {}))

    def get(self, step: str, batch: Import, **query: Any) -> str:
        return self.client.get(self.path(step, batch), query).text

    def post(self, step: str, batch: Import, **values: Any) -> HttpResponse:
        """As the person saw it last."""
        return self.client.post(self.path(step, batch), {"seen": batch.revision, **values})

    def send(self, data: bytes | None = None, *, name: str = "hubspot.csv", **values: Any) -> HttpResponse:
        path = self.path("import")
        if self.partner:
            path = self.member.tenant.path_to("overlaps:partner_import", pk=self.partner.pk)
        given = {"file": file(data, name)} if data is not None else {}
        return self.client.post(path, given | values)

    def upload(self, data: bytes, **values: Any) -> Import:
        response = self.send(data, **values)
        assert response.status_code == 302, response.text
        return self.batch

    @property
    def batch(self) -> Import:
        """The newest one."""
        with tenant_context(self.member.tenant):
            return Import.objects.select_related("partner").newest_first()[0]

    def again(self, batch: Import) -> Import:
        with tenant_context(self.member.tenant):
            return Import.objects.select_related("partner").get(pk=batch.pk)

    def proposed(self, batch: Import) -> dict[str, Any]:
        """What the form of the columns has in it."""
        form = ColumnsForm(None, batch=batch, by=self.member)
        return {name: form[name].value() for name in form.fields}

    def columns(self, batch: Import, **changed: Any) -> Import:
        response = self.post("import_columns", batch, **{**self.proposed(batch), **changed})
        assert response.status_code == 302, response.text
        self.run_jobs()
        return self.again(batch)

    def check(self, data: bytes, *, columns: dict[str, Any] | None = None, **values: Any) -> Import:
        return self.columns(self.upload(data, **values), **(columns or {}))

    def start(self, batch: Import, **values: Any) -> Import:
        response = self.post("import_rows", batch, **self.told(batch), **values)
        assert response.status_code == 302, response.text
        self.run_jobs()
        return self.again(batch)

    def told(self, batch: Import) -> dict[str, str]:
        """What the page says of partners, as its form sends it."""
        with tenant_context(batch.tenant_id, by=self.member):
            return {"told": StartForm(None, batch=batch, by=self.member).initial["told"]}

    def bring_in(self, data: bytes, *, columns: dict[str, Any] | None = None, **values: Any) -> Import:
        return self.start(self.check(data, columns=columns), **values)

    def undo(self, batch: Import) -> Import:
        assert self.post("import_undo", batch).status_code == 302
        self.run_jobs()
        return self.again(batch)


def counts(batch: Import) -> tuple[int, int, int, int]:
    return batch.created, batch.updated, batch.unchanged, batch.rejected
