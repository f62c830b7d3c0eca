from django.urls import path

from workspaces.views import door, home, people

app_name = "workspaces"
urlpatterns = [
    path("", home.root, name="root"),
    path("workspaces/", home.chooser, name="chooser"),
    path("workspaces/new/", home.create, name="create"),
    path("workspaces/switcher/", home.switcher, name="switcher"),
    path("workspaces/overview/", home.overview, name="overview"),
    path("workspaces/switch/", home.switch, name="switch"),
    path("w/<slug:slug>/", home.home, name="home"),
    path("w/<slug:slug>/settings/", home.settings, name="settings"),
    path("w/<slug:slug>/settings/address/", home.address, name="address"),
    path("w/<slug:slug>/settings/logo/", home.logo, name="logo"),
    path("w/<slug:slug>/settings/logo/remove/", home.logo_remove, name="logo_remove"),
    path("w/<slug:slug>/logo/<slug:version>.png", home.logo_file, name="logo_file"),
    # -- people --
    path("invitations/open/<str:token>/", door.invitation_open, name="invitation_open"),
    path("invitations/accept/", door.invitation, name="invitation"),
    path("invitations/ask/", door.invitation_ask, name="invitation_ask"),
    path("invitations/other-account/", door.invitation_other_account, name="invitation_other_account"),
    path("invitations/<uuid:pk>/join/", door.invitation_join, name="invitation_join"),
    path("invitations/<uuid:pk>/decline/", door.invitation_decline, name="invitation_decline"),
    path("w/<slug:slug>/members/", people.members, name="members"),
    path("w/<slug:slug>/members/invite/", people.invite, name="invite"),
    path("w/<slug:slug>/members/invite/preview/", people.invite_preview, name="invite_preview"),
    path("w/<slug:slug>/members/leave/", people.leave, name="leave"),
    path("w/<slug:slug>/members/<uuid:pk>/role/", people.member_role, name="member_role"),
    path("w/<slug:slug>/members/<uuid:pk>/deactivate/", people.member_deactivate, name="member_deactivate"),
    path("w/<slug:slug>/members/<uuid:pk>/reactivate/", people.member_reactivate, name="member_reactivate"),
    path("w/<slug:slug>/members/<uuid:pk>/remove/", people.member_remove, name="member_remove"),
    path("w/<slug:slug>/members/<uuid:pk>/ownership/", people.ownership_offer, name="ownership_offer"),
    path("w/<slug:slug>/ownership/withdraw/", people.ownership_withdraw, name="ownership_withdraw"),
    path("w/<slug:slug>/ownership/accept/", people.ownership_accept, name="ownership_accept"),
    path("w/<slug:slug>/ownership/decline/", people.ownership_decline, name="ownership_decline"),
    path("w/<slug:slug>/invitations/", people.invitations, name="invitations"),
    path("w/<slug:slug>/invitations/<uuid:pk>/resend/", people.invitation_resend, name="invitation_resend"),
    path("w/<slug:slug>/invitations/<uuid:pk>/revoke/", people.invitation_revoke, name="invitation_revoke"),
    path("w/<slug:slug>/invitations/<uuid:pk>/role/", people.invitation_role, name="invitation_role"),
    path("w/<slug:slug>/invitations/<uuid:pk>/link/", people.invitation_link, name="invitation_link"),
]
