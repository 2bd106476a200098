"""Django's admin, and the pages of massmigration."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="massmigration_manage")),
    path("admin/", admin.site.urls),
    path("migrations/", include("massmigration.urls")),
]
