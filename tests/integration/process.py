"""A process that runs a migration of `support`: ALIAS CLASS [POINT VISIT], killed at the point."""

from __future__ import annotations

import os
import sys

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    django.setup()

    from massmigration import api  # noqa: PLC0415 - needs the settings
    from massmigration.loading import store  # noqa: PLC0415
    from tests.integration import support  # noqa: PLC0415

    alias, name, *kill = sys.argv[1:]
    migration = getattr(support, name)("shop", "0900_test")
    store._ensure().by_key[migration.key] = migration
    if kill:
        point, visit = kill[0], int(kill[1])
        with support.at_point(point, support.kill_self, visit=visit):
            api.run(migration, alias)
        return
    driven = api.run(migration, alias)
    print(driven.state, driven.rows)


if __name__ == "__main__":
    main()
