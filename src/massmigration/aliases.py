"""Which databases there are, and which of them we manage."""

from __future__ import annotations

from django.conf import settings
from django.db import connections, router

from massmigration import capabilities
from massmigration.conf import get_settings
from massmigration.exceptions import CannotRunOnDB, DbAliasNotAllowed
from massmigration.models import MigrationRecord
from massmigration.texts import Text
from massmigration.texts import noop as _

NO_DATABASE = _("There is no database %(alias)r")


def get_all_db_aliases() -> list[str]:
    """Give all aliases of `DATABASES`."""
    return list(settings.DATABASES)


def managed_aliases() -> list[str]:
    """Give the aliases on which migrations are applied.

    `MASSMIGRATION_DATABASES` if set; else those on which the router allows our record table,
    less the mirrors of another one and those without an engine.

    Raises:
        DbAliasNotAllowed: when the setting names an alias that is unknown or has no engine.
    """
    chosen = get_settings().DATABASES
    if chosen is not None:
        for alias in chosen:
            check_alias(alias, _("MASSMIGRATION_DATABASES names the unknown database %(alias)r"))
            if not _has_engine(alias):
                text = _(
                    "MASSMIGRATION_DATABASES names the database %(alias)r, which has no ENGINE in"
                    " DATABASES; leave it out."
                )
                raise DbAliasNotAllowed(Text(text, alias=alias))
        return list(chosen)
    return [
        alias
        for alias in connections
        if _has_engine(alias)
        and not connections[alias].settings_dict.get("TEST", {}).get("MIRROR")
        and router.allow_migrate_model(alias, MigrationRecord)
    ]


def _has_engine(alias: str) -> bool:
    """Tell whether there is a database; Django takes `"default": {}` where none is the default."""
    return bool(connections[alias].settings_dict["ENGINE"] != "django.db.backends.dummy")


def check_alias(alias: str, what: str = NO_DATABASE, **params: str) -> None:
    """Refuse an alias that `DATABASES` does not have.

    Args:
        alias: the alias.
        what: what is wrong with it, marked for translation; a clause with `%(alias)r`.
        **params: further words of the clause.

    Raises:
        DbAliasNotAllowed: naming the ones that exist.
    """
    if alias not in settings.DATABASES:
        clause, known = Text(what, alias=alias, **params), ", ".join(settings.DATABASES)
        msg = Text(_("%(problem)s; must be one of: %(known)s."), problem=clause, known=known)
        raise DbAliasNotAllowed(msg)


def refuse_read_only(alias: str) -> None:
    """Refuse a server that takes no writes.

    Raises:
        CannotRunOnDB: with the reason and the setting that leaves the alias out.
    """
    reason = capabilities.of(alias).read_only_reason()
    if reason:
        text = _(
            "Database %(alias)r cannot be written to: %(reason)s."
            " Leave it out with MASSMIGRATION_DATABASES."
        )
        raise CannotRunOnDB(Text(text, alias=alias, reason=reason))
