from __future__ import annotations

from django.apps import apps
from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("migrations/", include("massmigration.urls")),
    # So that a 404 in a browser's console is one of ours.
    path("favicon.ico", lambda _request: HttpResponse(status=204)),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
]
if apps.is_installed("django.contrib.admin"):
    from django.contrib import admin

    urlpatterns.append(path("admin/", admin.site.urls))
