"""What 0.3.x offered about transactions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

if TYPE_CHECKING:
    from types import ModuleType


def get_transaction(db_alias: str) -> ModuleType:
    """Give the module whose `atomic` is right for the database.

    That is Django's, except with the releases of gcloudc whose Datastore backend came with one
    of its own.
    """
    if settings.DATABASES[db_alias]["ENGINE"] == "gcloudc.db.backends.datastore":
        try:
            return importlib.import_module("gcloudc.db.transaction")
        except ImportError:
            pass
    return transaction
