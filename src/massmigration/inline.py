"""A whole run at once in this process, inside a transaction that may be open already.

For tests and for `RequireMassMigration` only. What is promised elsewhere does not hold inside
somebody else's transaction: it may still be rolled back, and nothing of it can be taken up again.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from massmigration import identity
from massmigration.engine import driving, planning
from massmigration.engine.tasks import Options
from massmigration.exceptions import WrongState
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.transactions import nested_allowed

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration
    from massmigration.models import Run

BACKEND = "inline"


def run_inline(
    migration: BaseMigration, db_alias: str, *, by: str, checks_order: bool = True
) -> Run:
    """Start a run, anew where the last one failed, and work on it until it rests.

    Args:
        migration: a simple, mapper or batch migration.
        db_alias: the database.
        by: who asks for it.
        checks_order: refuse while what must come before is not applied.

    Returns:
        The run as it ended; its status and its error say how.

    Raises:
        MigrationError: when it may not be started; the subclass and the text say why.
        CannotRunOnDB: when the database is not allowed or takes no writes.
    """
    if migration.kind == "custom":
        text = _("%(key)s is a custom migration, so it cannot be run here; launch it.")
        raise WrongState(Text(text, key=migration.key))
    if not checks_order:
        migration = copy.copy(migration)
        migration.dependencies = ()
        migration.run_after = ()
    with nested_allowed():
        run = planning.start(migration, db_alias, backend=BACKEND, by=by, restart=True)
        options = Options(full_speed=True)
        return driving.drive(db_alias, run, identity.new_owner(), options).run
