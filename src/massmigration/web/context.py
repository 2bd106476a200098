"""What every page of ours gets: the frame that it is shown in, and who looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
from django.apps import apps
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from massmigration.web.permissions import can_operate

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

IN_ADMIN = "massmigration/frames/admin.html"
ALONE = "massmigration/frames/alone.html"


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render one of our pages."""
    response = render(request, template, {**frame(request), **context}, status=status)
    # A page shows what is true now, and buttons for that; no cache and no "back" may keep it.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def frame(request: HttpRequest) -> dict[str, Any]:
    """Choose the frame: Django's admin where it is installed, and give what that needs."""
    common = {"can_operate": can_operate(request.user), "title": "", "mm_frame": ALONE}
    if not apps.is_installed("django.contrib.admin"):
        return common
    try:
        reverse("admin:index")
    except NoReverseMatch:
        return common
    from django.contrib import admin  # noqa: PLC0415 - it needs the app

    return {
        **admin.site.each_context(request),
        **common,
        "mm_frame": IN_ADMIN,
        # The admin's markup for them, which its own style sheet expects.
        "mm_crumbs_are_a_list": django.VERSION >= (6, 1),
    }
