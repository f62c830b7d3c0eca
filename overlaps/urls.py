from django.urls import path

from overlaps import views

app_name = "overlaps"
urlpatterns = [
    path("w/<slug:slug>/overlaps/", views.overlap_list, name="list"),
    path("w/<slug:slug>/overlaps/<uuid:pk>/", views.overlap_detail, name="detail"),
    path("w/<slug:slug>/accounts/", views.account_list, name="accounts"),
    path("w/<slug:slug>/accounts/<uuid:pk>/", views.account_detail, name="account"),
    path("w/<slug:slug>/accounts/<uuid:pk>/edit/", views.account_edit, name="account_edit"),
    path("w/<slug:slug>/accounts/<uuid:pk>/delete/", views.account_delete, name="account_delete"),
    path("w/<slug:slug>/imports/new/", views.import_new, name="import"),
    path("w/<slug:slug>/imports/template.csv", views.import_template, name="import_template"),
    path("w/<slug:slug>/imports/<uuid:pk>/", views.import_detail, name="import_detail"),
    path("w/<slug:slug>/imports/<uuid:pk>/rejected.csv", views.import_rejects, name="import_rejects"),
]
