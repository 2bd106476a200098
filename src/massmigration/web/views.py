"""The pages that show."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from django.http import Http404, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from massmigration import aliases, api
from massmigration.definitions.installed import installed
from massmigration.exceptions import MassMigrationError
from massmigration.loading import store
from massmigration.texts import text_of, translated
from massmigration.web import as_json
from massmigration.web.context import show
from massmigration.web.permissions import can_operate, can_view, page
from massmigration.web.presenters import detail as detail_presenter
from massmigration.web.presenters import manage as manage_presenter
from massmigration.web.presenters.databases import database_todo
from massmigration.web.presenters.neighbours import aliases_of, neighbours_of
from massmigration.web.presenters.progress import progress_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from massmigration.definitions import BaseMigration

MAX_KEY = 250
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@page(can_view)
@require_safe
def manage(request: HttpRequest) -> HttpResponse:
    """Show all migrations by app against all databases."""
    managed, problem = managed_aliases()
    found = api.look_at_all(managed)
    api.put_back(each for database in found for each in database.migrations)
    chosen = manage_presenter.Filter(
        app=request.GET.get("app", ""),
        state=request.GET.get("status", ""),
        text=request.GET.get("q", "")[:MAX_KEY],
    )
    if request.GET.get("format") == "json":
        with translation.override(None):
            return JsonResponse(as_json.manage(manage_presenter.manage(found, chosen), found))
    view = manage_presenter.manage(found, chosen)
    view.settings_problem = problem
    context = {"migrations": view.rows, "available_db_aliases": managed, "page": view}
    return show(request, "massmigration/manage_migrations.html", context)


@page(can_view)
@require_safe
def manage_live(request: HttpRequest) -> HttpResponse:
    """Give the part of Manage that moves."""
    managed, _problem = managed_aliases()
    answers = api.look_at_live(managed).values()
    found = [each for answer in answers for each in answer.value or ()]
    views = [view for each in found if (view := progress_view(each)) is not None]
    views.sort(key=lambda view: (not view.is_moving, view.key, view.db_alias))
    signature = " ".join(f"{view.run_id}={view.state.code}" for view in views)
    context = {"live": views, "can_operate": can_operate(request.user)}
    response = render(request, "massmigration/parts/running_now.html", context)
    return _live(response, signature, is_moving=any(view.is_moving for view in views))


@page(can_view)
@require_safe
def detail(request: HttpRequest, key: str, db_alias: str) -> HttpResponse:
    """Show one migration on one database."""
    migration = check_address(key, db_alias)
    before, after = neighbours_of(key)
    others = aliases_of(migration, managed_aliases()[0], db_alias)
    answers = api.look_at_one(key, db_alias, [*before, *after], _with_those_of(before, others))
    past = answers[db_alias].value
    if past is not None:
        api.put_back([past.statuses[key]])
    is_known = migration is not None or any(each.key == key for each in store.broken)
    if not is_known and past is not None:
        is_known = bool(past.statuses[key].record or past.history or past.events)
    if not is_known and answers[db_alias].problem is None:
        msg = _("There is no migration %(key)r.") % {"key": key}
        raise Http404(msg)
    if request.GET.get("format") == "json":
        with translation.override(None):
            view = detail_presenter.detail(key, db_alias, answers)
            return JsonResponse(as_json.detail(view, answers))
    view = detail_presenter.detail(key, db_alias, answers)
    view.tabs = sorted(
        (tab for tab in view.tabs if tab.alias in others), key=lambda tab: others.index(tab.alias)
    )
    context = {
        "migration": migration or view,
        "record": view.record,
        "dependencies": view.dependencies,
        "db_alias": db_alias,
        "page": view,
    }
    return show(request, "massmigration/migration_detail.html", context)


@page(can_view)
@require_safe
def detail_live(request: HttpRequest, key: str, db_alias: str) -> HttpResponse:
    """Give the part of Detail that moves."""
    check_address(key, db_alias)
    try:
        run_id = uuid.UUID(request.GET.get("run", ""))
    except ValueError as error:
        msg = _("There is no run %(run)s of %(key)r.")
        raise Http404(msg % {"run": request.GET.get("run", ""), "key": key}) from error
    answer = api.look_at_run(run_id, db_alias)
    if answer.problem is not None:
        # Not an error of this page: it goes on asking.
        problem, todo = database_todo(answer.problem, db_alias)
        context: dict[str, object] = {"problem": problem, "todo": todo}
        return render(request, "massmigration/parts/no_answer.html", context, status=503)
    found = answer.value
    view = progress_view(found) if found is not None and found.key == key else None
    if view is None:
        msg = _("There is no run %(run)s of %(key)r.") % {"run": run_id, "key": key}
        raise Http404(msg)
    context = {"progress": view, "can_operate": can_operate(request.user)}
    response = render(request, "massmigration/parts/progress.html", context)
    return _live(response, view.state.code, is_moving=view.is_moving)


def managed_aliases() -> tuple[list[str], str]:
    """Give the databases that are managed, or none and what is wrong with the settings."""
    try:
        return aliases.managed_aliases(), ""
    except MassMigrationError as error:
        return [], translated(text_of(error))


def check_address(key: str, db_alias: str) -> BaseMigration | None:
    """Refuse what cannot be a key or is no database of ours; give the migration, if it has code.

    Raises:
        Http404: saying which.
    """
    if len(key) > MAX_KEY or _CONTROL.search(key) or not key.isprintable():
        msg = _("That is no key of a migration.")
        raise Http404(msg)
    if db_alias not in managed_aliases()[0]:
        msg = _("There is no database %(alias)r with migrations.") % {"alias": db_alias}
        raise Http404(msg)
    return installed(key)


def _with_those_of(neighbours: list[str], others: list[str]) -> list[str]:
    """Add the databases of dependencies that are not for any of these."""
    managed = managed_aliases()[0]
    wanted = list(others)
    for key in neighbours:
        wanted += aliases_of(installed(key), managed, "")[:1]
    return list(dict.fromkeys(wanted))


def _live(response: HttpResponse, signature: str, *, is_moving: bool) -> HttpResponse:
    """Say in headers what the script wants to know, so that it need not read the page."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-MassMigration-State"] = signature
    response.headers["X-MassMigration-Moving"] = "1" if is_moving else "0"
    return response
