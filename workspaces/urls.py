from django.urls import path

from workspaces.views import home

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
]
