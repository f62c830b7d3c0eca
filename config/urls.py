from django.conf import settings
from django.urls import include, path

from core.views import health

urlpatterns = [
    path("health/", health, name="health"),
    path("accounts/", include("allauth.urls")),
    path("", include("workspaces.urls")),
    path("", include("audit.urls")),
    path("", include("partners.urls")),
    path("", include("overlaps.urls")),
    path("", include("intros.urls")),
]

if settings.DEBUG:
    from config.devmail.views import mailbox

    urlpatterns += [path("dev/mail/", mailbox, name="dev_mail")]
