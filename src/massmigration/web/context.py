"""What every page of ours gets: the frame that it is shown in, and who looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.apps import apps
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse

import massmigration
from massmigration.web.permissions import can_operate

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

IN_ADMIN = "massmigration/frames/admin.html"
ALONE = "massmigration/frames/alone.html"
TEMPLATES = Path(massmigration.__file__).parent / "templates"


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render one of our pages."""
    context = {**frame(request), "mm_is_our_page": _is_ours(template), **context}
    response = render(request, template, context, status=status)
    # A page shows what is true now, and buttons for that; no cache and no "back" may keep it.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _is_ours(template: str) -> bool:
    """Tell whether no template of the project takes its place.

    Ours show messages themselves; those written for 0.3.x leave that to the frame.
    """
    origin = getattr(get_template(template), "origin", None)
    return origin is not None and Path(origin.name).is_relative_to(TEMPLATES)


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
