from procrastinate.contrib.django.management.commands import procrastinate

from config.start import refuse_open_locks


class Command(procrastinate.Command):
    """The worker serves too."""

    def handle(self, *args, **options) -> None:
        if options.get("command") == "worker":
            refuse_open_locks()
        super().handle(*args, **options)
