"""Jobs: they carry ids, open the workspace's context and look again whether they still may."""

from uuid import UUID

from procrastinate.contrib.django import app

from core import mail
from core.models import Membership
from core.roles import Permission, permissions_on
from core.tenancy import tenant_context
from overlaps import imports, matching
from overlaps.models import Alarm
from partners.models import Connection
from workspaces.tasks import PATIENCE


@app.task(name="overlaps.run_import", queue="imports")
def run_import(tenant_id: str, import_id: str) -> None:
    imports.run(UUID(tenant_id), UUID(import_id))


@app.task(name="overlaps.check_import", queue="imports")
def check_import(tenant_id: str, import_id: str, revision: str) -> None:
    imports.check(UUID(tenant_id), UUID(import_id), int(revision))


@app.task(name="overlaps.undo_import", queue="imports")
def undo_import(tenant_id: str, import_id: str) -> None:
    imports.undo(UUID(tenant_id), UUID(import_id))


@app.periodic(cron="37 * * * *")
@app.task(name="overlaps.tidy_imports", queue="imports", queueing_lock="overlaps.tidy_imports")
def tidy_imports(timestamp: int) -> None:
    imports.tidy()


@app.periodic(cron="17 * * * *")
@app.task(name="overlaps.refresh_counts", queue="imports", queueing_lock="overlaps.refresh_counts")
def refresh_counts(timestamp: int) -> None:
    """Hourly, so that no count gets much older than the day for which it is frozen."""
    while matching.refresh_stale():
        pass


@app.periodic(cron="47 * * * *")
@app.task(name="overlaps.take_day_figures", queue="imports", queueing_lock="overlaps.take_day_figures")
def take_day_figures(timestamp: int) -> None:
    """Hourly: the last figures of a day are those that its trend keeps."""
    matching.take_day_figures()


@app.task(name="overlaps.rematch", queue="imports")
def rematch(tenant_id: str) -> None:
    """After a change of settings: each connection in a transaction of its own, so that none is held for long."""
    with tenant_context(UUID(tenant_id)):
        alive = list(Connection.objects.exclude(state=Connection.State.ENDED).values_list("pk", flat=True))
    for pk in alive:
        with tenant_context(UUID(tenant_id)):
            for link in Connection.locked([pk]):
                matching.refresh_connection(link.pk)


@app.periodic(cron="*/10 * * * *")
@app.task(name="overlaps.tell_alarms", queue="mail", queueing_lock="overlaps.tell_alarms")
def tell_alarms(timestamp: int) -> None:
    while Alarm.tell():
        pass


@app.task(name="overlaps.mail_alarm", queue="mail", retry=PATIENCE)
def mail_alarm(tenant_id: str, membership_id: str, alarm_id: str) -> None:
    """Tell one person, unless it is dismissed by now, or they may not see it any more."""
    with tenant_context(UUID(tenant_id)):
        people = Membership.objects.active().filter(user__is_active=True).select_related("user", "tenant")
        to = people.filter(pk=membership_id).first()
        alarm = to and Alarm.objects.visible_to(to).open().newest_first().filter(pk=alarm_id).first()
        if not alarm or Permission.CHANGE_SHARING not in permissions_on(alarm.partner, to):
            return
        context = {
            "workspace": to.tenant.slug,
            "partner": alarm.partner.name,
            "partner_id": alarm.partner.pk,
            "alarm": alarm.get_kind_display(),
            "meaning": alarm.meaning,
            "figures": alarm.in_figures,
        }
    mail.send("alarm", to.user.email, context)
