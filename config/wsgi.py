import os

from django.core.wsgi import get_wsgi_application

from config.start import refuse_open_locks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
refuse_open_locks()
