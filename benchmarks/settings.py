"""The product's settings as in production where they cost time, on the throw-away server of the tests."""

import os
import sys

os.environ.setdefault("DEBUG", "yes")
sys.modules.setdefault("pytest", sys)  # which of the two embedded servers: the one without data to lose

from config.settings import *  # noqa: E402, F403

DEBUG = False
ALLOWED_HOSTS = ["testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "benchmarks.urls"
