"""The same settings with what only tests need: fast password hashes, static files without a manifest."""

import os

os.environ.setdefault("DEBUG", "yes")

from config.settings import *  # noqa: E402

DATABASES["default"]["ENGINE"] = "tests.postgres"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
