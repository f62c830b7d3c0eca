from django.urls import path

from overlaps.views import accounts, imports, overlaps

app_name = "overlaps"
urlpatterns = [
    path("w/<slug:slug>/overlaps/", overlaps.overlap_list, name="list"),
    path("w/<slug:slug>/overlaps/<uuid:pk>/", overlaps.overlap_detail, name="detail"),
    path("w/<slug:slug>/accounts/", accounts.account_list, name="accounts"),
    path("w/<slug:slug>/accounts/<uuid:pk>/", accounts.account_detail, name="account"),
    path("w/<slug:slug>/accounts/<uuid:pk>/edit/", accounts.account_edit, name="account_edit"),
    path("w/<slug:slug>/accounts/<uuid:pk>/delete/", accounts.account_delete, name="account_delete"),
    path("w/<slug:slug>/imports/new/", imports.import_new, name="import"),
    path("w/<slug:slug>/imports/template.csv", imports.import_template, name="import_template"),
    path("w/<slug:slug>/imports/<uuid:pk>/", imports.import_detail, name="import_detail"),
    path("w/<slug:slug>/imports/<uuid:pk>/rejected.csv", imports.import_rejects, name="import_rejects"),
]
