from django.urls import path

from partners.views import door, invitations, records, requests, team

app_name = "partners"
urlpatterns = [
    path("partner-invitations/open/<str:token>/", door.invitation_open, name="invitation_open"),
    path("partner-invitations/accept/", door.invitation, name="invitation"),
    path("partner-invitations/decline/", door.invitation_decline, name="invitation_decline"),
    path(
        "partner-invitations/other-account/",
        door.invitation_other_account,
        name="invitation_other_account",
    ),
    path("w/<slug:slug>/partners/", records.partner_list, name="list"),
    path("w/<slug:slug>/partners/invite/", invitations.invite, name="invite"),
    path("w/<slug:slug>/partners/offline/", records.offline_new, name="offline_new"),
    path("w/<slug:slug>/partners/<uuid:pk>/", records.detail, name="detail"),
    path("w/<slug:slug>/partners/<uuid:pk>/change/", records.change, name="change"),
    path("w/<slug:slug>/partners/<uuid:pk>/ask/", requests.ask, name="ask"),
    path(
        "w/<slug:slug>/partners/<uuid:pk>/requests/<uuid:asked>/decline/",
        requests.decline,
        name="request_decline",
    ),
    path(
        "w/<slug:slug>/partners/<uuid:pk>/requests/<uuid:asked>/withdraw/",
        requests.withdraw,
        name="request_withdraw",
    ),
    path("w/<slug:slug>/partners/<uuid:pk>/pause/", records.pause, name="pause"),
    path("w/<slug:slug>/partners/<uuid:pk>/resume/", records.resume, name="resume"),
    path("w/<slug:slug>/partners/<uuid:pk>/end/", records.end, name="end"),
    path("w/<slug:slug>/partners/<uuid:pk>/team/", team.grant, name="grant"),
    path("w/<slug:slug>/partners/<uuid:pk>/team/<uuid:member>/take/", team.grant_take, name="grant_take"),
    path("w/<slug:slug>/partners/<uuid:pk>/invite/", invitations.invite_again, name="invite_again"),
    path("w/<slug:slug>/partners/<uuid:pk>/invitation/resend/", invitations.resend, name="invitation_resend"),
    path("w/<slug:slug>/partners/<uuid:pk>/invitation/revoke/", invitations.revoke, name="invitation_revoke"),
    path("w/<slug:slug>/partners/<uuid:pk>/invitation/link/", invitations.link, name="invitation_link"),
]
