from django.urls import path

from audit import views

app_name = "audit"
urlpatterns = [
    path("accounts/security/", views.security, name="security"),
    path("accounts/sessions/<int:pk>/end/", views.session_end, name="session_end"),
    path("w/<slug:slug>/audit/", views.trail, name="trail"),
    path("w/<slug:slug>/audit/export/", views.export, name="export"),
    path("w/<slug:slug>/audit/verify_audit_export.py", views.verifier, name="verifier"),
]
