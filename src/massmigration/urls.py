"""The addresses of the pages: `path("migrations/", include("massmigration.urls"))`.

Names and paths of 0.3.x first; they are not in a namespace.
"""

from __future__ import annotations

from django.urls import path

from massmigration import views
from massmigration.web import acting
from massmigration.web.views import detail_live, manage_live

ONE = "<str:key>/<str:db_alias>/"

urlpatterns = [
    path("manage/", views.manage_migrations, name="massmigration_manage"),
    path(f"run/{ONE}", views.run_migration, name="massmigration_run"),
    path(f"detail/{ONE}", views.migration_detail, name="massmigration_detail"),
    path(f"delete/{ONE}", views.delete_migration, name="massmigration_delete"),
    path(f"pause/{ONE}", acting.pause, name="massmigration_pause"),
    path(f"resume/{ONE}", acting.resume, name="massmigration_resume"),
    path(f"retry/{ONE}", acting.retry, name="massmigration_retry"),
    path(f"cancel/{ONE}", acting.cancel, name="massmigration_cancel"),
    path(f"restart/{ONE}", acting.restart, name="massmigration_restart"),
    path(f"fake/{ONE}", acting.fake, name="massmigration_fake"),
    path("manage/live/", manage_live, name="massmigration_manage_live"),
    path(f"detail/{ONE}live/", detail_live, name="massmigration_detail_live"),
]
