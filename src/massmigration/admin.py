"""The records in Django's admin: to look at, and to forget. Acting has pages of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected as ask_to_delete
from django.contrib.admin.utils import quote, unquote
from django.db import router
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_protect

from massmigration import api, capabilities, stored
from massmigration.definitions.installed import installed
from massmigration.models import MigrationRecord, Run
from massmigration.texts import text_of, translated
from massmigration.web.permissions import can_operate, can_view, outside_transactions, who
from massmigration.web.presenters import figures
from massmigration.web.presenters.describing import description_of
from massmigration.web.presenters.states import BY_CODE

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

STATES: dict[str, dict[str, Any]] = {
    "applied": {"is_applied": True, "has_error": False, "was_faked": False},
    "faked": {"is_applied": True, "has_error": False, "was_faked": True},
    # By the two facts, as status() does: rows that 0.3.x updated say in_progress wrongly.
    "running": {"is_applied": False, "has_error": False},
    "errored": {"has_error": True},
}


class StateFilter(admin.SimpleListFilter):
    """Filters by what the record says; whether a run is paused or stalled is on our own pages."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Give the choices."""
        del request, model_admin
        return [(code, BY_CODE[code].label) for code in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Leave only the records in the chosen state."""
        del request
        values = STATES.get(self.value() or "")
        return None if values is None else queryset.filter(**values)


class AppFilter(admin.SimpleListFilter):
    """Filters by app, without asking the database for distinct values, which not all can give."""

    title = gettext_lazy("app")
    parameter_name = "app_label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Give the apps that have records."""
        keys = model_admin.model._default_manager.values_list("key", flat=True)
        del request
        return [(app, app) for app in sorted({key.partition(":")[0] for key in keys})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Leave only the records of the chosen app."""
        del request
        app = self.value()
        return None if app is None else queryset.filter(app_label=app)


class MigrationRecordAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The change list of records: nothing can be added or changed, and delete is forget."""

    ordering = ("-initiated_at", "key")
    list_display = ("key_link", "state", "initiated", "applied", "started_by", "has_code")
    list_display_links = None
    list_filter = (StateFilter, AppFilter)
    search_fields = ("key",)
    fields = (
        "whole_key",
        "description",
        "state",
        "initiated_text",
        "applied_text",
        "started_by",
        "error",
        "attempt",
    )
    readonly_fields = fields
    actions = ["delete_selected"]

    # Who may ------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user sees the app on the admin's first page."""
        return can_view(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may look."""
        del obj
        return can_view(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added here: a page of ours fakes."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may forget."""
        del obj
        return can_operate(request.user)

    # What is shown ------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("migration"), ordering="key")
    def key_link(self, obj: MigrationRecord) -> SafeString | str:
        """Link to our page, or to the record where our addresses are not included."""
        url = figures.link("massmigration_detail", obj.key, obj._state.db or "default")
        url = url or reverse(
            f"{self.admin_site.name}:massmigration_migrationrecord_change", args=[quote(obj.key)]
        )
        # A long key may be broken at each part; else it pushes the other columns out of sight.
        parts = re.split(r"(?<=[_:])(?=[^_:])", obj.key)
        text = format_html_join("", "{}<wbr>", ((part,) for part in parts))
        return format_html('<a href="{}">{}</a>', url, text)

    @admin.display(description=gettext_lazy("status"))
    def state(self, obj: MigrationRecord) -> str:
        """Name the state; "applied" and its like as on our pages."""
        code = {"APPLIED": "faked" if obj.was_faked else "applied", "ERRORED": "errored"}
        return str(BY_CODE[code.get(obj.status(), "running")].label)

    # The fields themselves have no names that could be translated: they are as in 0.3.x.

    @admin.display(description=gettext_lazy("migration"))
    def whole_key(self, obj: MigrationRecord) -> str:
        """Name the migration."""
        return obj.key

    @admin.display(description=gettext_lazy("last error"))
    def error(self, obj: MigrationRecord) -> str:
        """Say what went wrong last."""
        return translated(stored.reread_failure(obj.last_error))

    @admin.display(description=gettext_lazy("id of the run"))
    def attempt(self, obj: MigrationRecord) -> str:
        """Give the id of the run that the record belongs to."""
        return str(obj.attempt_uuid)

    @admin.display(description=gettext_lazy("started"), ordering="initiated_at")
    def initiated(self, obj: MigrationRecord) -> datetime | None:
        """Say when it was started."""
        return obj.initiated_at

    @admin.display(description=gettext_lazy("applied at"), ordering="applied_at")
    def applied(self, obj: MigrationRecord) -> datetime | None:
        """Say when it was applied."""
        return obj.applied_at

    # Django's page of a record writes what a method gives as `str` does, unlike its list.

    @admin.display(description=gettext_lazy("started"))
    def initiated_text(self, obj: MigrationRecord) -> str:
        """Say when it was started, as the language writes it."""
        moment = figures.when(obj.initiated_at)
        return "-" if moment is None else moment.text

    @admin.display(description=gettext_lazy("applied at"))
    def applied_text(self, obj: MigrationRecord) -> str:
        """Say when it was applied, as the language writes it."""
        moment = figures.when(obj.applied_at)
        return "-" if moment is None else moment.text

    @admin.display(description=gettext_lazy("by"))
    def started_by(self, obj: MigrationRecord) -> str:
        """Name who started it, from its run."""
        if hasattr(obj, "requested_by"):
            return str(obj.requested_by or "")
        run = Run.objects.using(obj._state.db).filter(id=obj.attempt_uuid).first()
        return "" if run is None else run.requested_by

    @admin.display(description=gettext_lazy("code"), boolean=True)
    def has_code(self, obj: MigrationRecord) -> bool:
        """Tell whether its class can be loaded."""
        return installed(obj.key) is not None

    @admin.display(boolean=True)
    def successful(self, obj: MigrationRecord) -> bool | None:
        """Tell whether it was applied without an error; subclasses may list it, as 0.3.x did."""
        return not obj.has_error if obj.is_applied else None

    @admin.display(description=gettext_lazy("description"))
    def description(self, obj: MigrationRecord) -> str:
        """Give the migration's docstring, or say that its code is gone."""
        migration = installed(obj.key)
        return _("Its code is gone.") if migration is None else description_of(migration)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add who started it, without a query for each row where the database can do that."""
        from django.db.models import OuterRef, Subquery  # noqa: PLC0415

        found = super().get_queryset(request)
        if not capabilities.of(found.db).sql:
            return found
        runs = Run.objects.using(found.db).filter(id=OuterRef("attempt_uuid"))
        return found.annotate(requested_by=Subquery(runs.values("requested_by")[:1]))

    def get_ordering(self, request: HttpRequest) -> Any:
        """Order by key alone where an order goes with no filter, and keys only upwards."""
        ordering = super().get_ordering(request)
        database = capabilities.of(router.db_for_read(self.model))
        return ordering if database.combined_filters else ("key",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find keys by a part of them."""
        if not search_term or capabilities.of(queryset.db).text_search:
            return super().get_search_results(request, queryset, search_term)
        words = search_term.lower().split()
        keys = MigrationRecord.objects.using(queryset.db).values_list("key", flat=True)
        found = [key for key in keys if all(word in key.lower() for word in words)]
        return queryset.filter(key__in=found), False

    # Forgetting ---------------------------------------------------------------------------

    @method_decorator(csrf_protect)
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask, then forget; outside of the transaction that the admin would open."""
        obj = self.get_object(request, unquote(object_id))
        if request.method != "POST" or obj is None or not self.has_delete_permission(request, obj):
            return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        if self._forget(request, obj):
            text = _("The record of %(key)s is deleted.") % {"key": obj.key}
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self._list_url())

    delete_view = outside_transactions(delete_view)

    @method_decorator(csrf_protect)
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list; its action forgets, which is outside of ATOMIC_REQUESTS too."""
        return super().changelist_view(request, extra_context)

    changelist_view = outside_transactions(changelist_view)

    @admin.action(permissions=["delete"], description=gettext_lazy("Forget selected records"))
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[MigrationRecord]
    ) -> HttpResponse | None:
        """Ask as the admin does for any deletion, then forget one by one."""
        if not request.POST.get("post"):
            return ask_to_delete(self, request, queryset)
        done = sum(self._forget(request, obj) for obj in queryset)
        if done:
            text = ngettext(
                "%(count)s record is deleted.", "%(count)s records are deleted.", done
            ) % {"count": figures.number(done)}
            self.message_user(request, text, messages.SUCCESS)
        return None

    def delete_model(self, request: HttpRequest, obj: MigrationRecord) -> None:
        """Forget, for code that calls the admin's hook."""
        self._forget(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Forget each, for code that calls the admin's hook."""
        for obj in queryset:
            self._forget(request, obj)

    def _forget(self, request: HttpRequest, obj: MigrationRecord) -> bool:
        try:
            api.forget(obj.key, obj._state.db or "default", by=who(request))
        except Exception as error:  # noqa: BLE001 - it is shown, whatever it is
            text = translated(text_of(error)) or type(error).__name__
            self.message_user(request, text, messages.ERROR)
            return False
        log: Any = self  # one name before Django 5.1, another one since
        if hasattr(self, "log_deletions"):
            log.log_deletions(request, [obj])
        else:
            log.log_deletion(request, obj, str(obj))
        return True

    def _list_url(self) -> str:
        return reverse(f"{self.admin_site.name}:massmigration_migrationrecord_changelist")


admin.site.register(MigrationRecord, MigrationRecordAdmin)
