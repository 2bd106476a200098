"""With the view that App Engine's cron fetches."""

from __future__ import annotations

from django.urls import path

from massmigration.backends import djangae
from tests.djangae.project.urls import urlpatterns

urlpatterns = [*urlpatterns, path("cron/massmigration/", djangae.look)]
