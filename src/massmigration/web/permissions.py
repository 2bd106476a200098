"""Who may see our pages, and who may act on them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    View = Callable[..., HttpResponse]

VIEW = "massmigration.view_migrationrecord"
OPERATE = "massmigration.operate_migrationrecord"


def can_view(user: Any) -> bool:
    """Tell whether the user may look: superusers, and who was given either permission."""
    return bool(user.is_active and (user.has_perm(VIEW) or user.has_perm(OPERATE)))


def can_operate(user: Any) -> bool:
    """Tell whether the user may act: superusers, and who was given the permission for it."""
    return bool(user.is_active and user.has_perm(OPERATE))


def who(request: HttpRequest) -> str:
    """Name the user for the log: name and key, as text that outlives the account."""
    return f"{request.user.get_username()} ({request.user.pk})"


def page(test: Callable[[Any], bool]) -> Callable[[View], View]:
    """Decorate a view of ours.

    Anonymous visitors go to the login, signed-in users who fail the test get a 403. The view runs
    outside of ATOMIC_REQUESTS: what it starts must commit by itself, and a database that does not
    answer must not keep the page from being shown.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), login_url(), REDIRECT_FIELD_NAME)
            if not test(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        # LoginRequiredMiddleware would send visitors to LOGIN_URL even where there is no such page.
        checked.login_required = False  # type: ignore[attr-defined]
        return outside_transactions(checked)

    return decorate


def outside_transactions(view: View) -> View:
    """Take a view out of ATOMIC_REQUESTS on every database."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def login_url() -> str:
    """Give LOGIN_URL where it leads somewhere, else the admin's login where that is installed."""
    chosen = resolve_url(settings.LOGIN_URL)
    if _leads_somewhere(chosen):
        return chosen
    try:
        return reverse("admin:login")
    except NoReverseMatch:
        return chosen


def _leads_somewhere(url: str) -> bool:
    if not url.startswith("/") or url.startswith("//"):
        return True  # another site's
    path = url.partition("?")[0].partition("#")[0]
    try:
        resolve("/" + path.removeprefix(get_script_prefix()).lstrip("/"))
    except Resolver404:
        return False
    return True
