import os

from django.core.asgi import get_asgi_application

from config.start import refuse_open_locks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_asgi_application()
refuse_open_locks()
