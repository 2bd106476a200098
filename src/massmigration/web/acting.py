"""The pages that act: a question first, then a POST that does it once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from massmigration import api
from massmigration.loading import store
from massmigration.texts import text_of, translated
from massmigration.web import actions
from massmigration.web.context import show
from massmigration.web.permissions import can_operate, can_view, page, who
from massmigration.web.presenters.buttons import token_of
from massmigration.web.presenters.confirm import confirm
from massmigration.web.presenters.databases import database_todo
from massmigration.web.views import check_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from massmigration.api import MigrationStatus
    from massmigration.web.actions import Action

TEMPLATES = {
    "run": "massmigration/run_migration.html",
    "restart": "massmigration/run_migration.html",
    "delete": "massmigration/delete_migration.html",
}
#: As in 0.3.x these go back to Manage; the others to where they were asked for.
BACK_TO_MANAGE = frozenset({"run", "delete"})


def view_of(action: Action) -> Callable[..., HttpResponse]:
    """Make the view of an action: GET asks, POST does it."""

    @page(can_view)
    @require_http_methods(["GET", "HEAD", "POST"])
    def view(request: HttpRequest, key: str, db_alias: str) -> HttpResponse:
        if not can_operate(request.user):
            raise PermissionDenied
        return _act(request, action, key, db_alias)

    view.__name__ = view.__qualname__ = action.code
    view.__doc__ = f"Ask, then: {action.code}."
    return view


def _act(request: HttpRequest, action: Action, key: str, db_alias: str) -> HttpResponse:
    migration = check_address(key, db_alias)
    answer = api.look_at_record(key, db_alias)
    if answer.value is None:
        problem, todo = database_todo(answer.problem, db_alias)
        messages.error(request, f"{db_alias}: {problem} {todo}".strip(), fail_silently=True)
        return redirect("massmigration_manage")
    found = answer.value
    is_broken = any(each.key == key for each in store.broken)
    if migration is None and not is_broken and found.record is None:
        msg = _("There is no migration %(key)r.") % {"key": key}
        raise Http404(msg)
    refusal = _refusal(action, found)
    if refusal:
        messages.error(request, refusal, fail_silently=True)
        return _back(request, action, found)
    if request.method == "POST":
        return _do(request, action, found)
    view = confirm(action, found)
    if action is actions.RUN:
        unmet = next((each.problem for each in view.checks if each.problem), "")
        if unmet:
            messages.error(request, unmet, fail_silently=True)
            return redirect("massmigration_manage")
    context: dict[str, Any] = {"migration": migration or view, "db_alias": db_alias, "page": view}
    return show(request, TEMPLATES.get(action.code, "massmigration/confirm_action.html"), context)


def _refusal(action: Action, found: MigrationStatus) -> str:
    """Say why the action does not fit; "" when it does."""
    if action.is_offered(found):
        return ""
    values = {"key": found.key, "database": found.db_alias}
    if action is actions.RUN and found.record is not None:
        return _("%(key)s has already been started on %(database)s.") % values
    if action is actions.FORGET:
        return _("There is no record of %(key)s on %(database)s, so nothing to forget.") % values
    if not found.has_code:
        return _("There is no usable code for %(key)s here.") % values
    if not found.is_allowed:
        return _("%(key)s does not allow the database %(database)s.") % values
    return _("%(key)s on %(database)s has changed meanwhile; that cannot be done now.") % values


def _do(request: HttpRequest, action: Action, found: MigrationStatus) -> HttpResponse:
    values = {"key": found.key, "database": found.db_alias}
    # Absent from requests that know only 0.3.x; those are checked by the state alone.
    token = request.POST.get("token")
    if token is not None and token != token_of(found):
        text = _(
            "%(key)s on %(database)s has changed since the page was shown. Look again, then decide."
        )
        messages.warning(request, text % values, fail_silently=True)
        return _back(request, action, found)
    try:
        action.perform(found.key, found.db_alias, who(request))
    except Exception as error:  # noqa: BLE001 - a backend may raise anything; it is shown
        text = translated(text_of(error)) or type(error).__name__
        messages.error(request, text, fail_silently=True)
    else:
        messages.success(request, _(action.done) % values, fail_silently=True)
    return _back(request, action, found)


def _back(request: HttpRequest, action: Action, found: MigrationStatus) -> HttpResponse:
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return redirect(wanted)
    if action.code in BACK_TO_MANAGE:
        return redirect("massmigration_manage")
    return redirect("massmigration_detail", key=found.key, db_alias=found.db_alias)


run = view_of(actions.RUN)
pause = view_of(actions.PAUSE)
resume = view_of(actions.RESUME)
retry = view_of(actions.RETRY)
cancel = view_of(actions.CANCEL)
restart = view_of(actions.RESTART)
fake = view_of(actions.FAKE)
delete = view_of(actions.FORGET)
