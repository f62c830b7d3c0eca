from typing import Any

from django.db import models


class TenantForeignKey(models.ForeignKey):
    """A reference to a row of the same workspace.

    Django knows the column only. The constraint is written by `core.operations.TenantTable` as
    FOREIGN KEY (tenant_id, column) REFERENCES target (tenant_id, id), so that it can't reach into another workspace.
    `on_row_delete`: what the database does with this row when the target goes: "CASCADE" or "RESTRICT".
    """

    def __init__(self, to: Any, on_row_delete: str = "CASCADE", **kwargs: Any) -> None:
        self.on_row_delete = on_row_delete
        kwargs["on_delete"] = models.DO_NOTHING
        kwargs["db_constraint"] = False
        super().__init__(to, **kwargs)

    def deconstruct(self) -> tuple[str, str, list, dict]:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["on_delete"], kwargs["db_constraint"]
        kwargs["on_row_delete"] = self.on_row_delete
        return name, path, args, kwargs
