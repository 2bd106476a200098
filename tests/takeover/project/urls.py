from __future__ import annotations

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

from massmigration.enforcement import view_requires_migration


@view_requires_migration(("shop", "0001_applied"), skip_in_tests=False)
def needs_applied(request):
    return HttpResponse("yes")


@view_requires_migration("shop:0006_both", skip_in_tests=False)
def needs_both(request):
    return HttpResponse("yes")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("migrations/", include("massmigration.urls")),
    path("needs-applied/", needs_applied),
    path("needs-both/", needs_both),
]
