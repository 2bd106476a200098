"""What others may listen to. Sent once, after the change is committed.

Each is sent with `sender` (the migration's class, or None where its code is gone), `key`
(`"app:name"`), `db_alias` and `run_id` (a UUID); `migration_failed` also with `error` (text).
"""

from __future__ import annotations

from django.dispatch import Signal

migration_started = Signal()
migration_failed = Signal()
migration_applied = Signal()

#: For ourselves: the state of records was changed by an UPDATE, which sends no signal of models.
#: Sent at once, perhaps inside a transaction, with `using`.
records_changed = Signal()
