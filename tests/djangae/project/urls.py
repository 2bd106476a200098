from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("tasks/", include("djangae.tasks.urls")),
    path("migrations/", include("massmigration.urls")),
]
