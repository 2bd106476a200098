"""Looks every so many seconds, as cron would: `python -m massmigration.testing.contract.looker 1`.

Cron would start a process each time, which a test has no time for.
"""

from __future__ import annotations

import logging
import sys
import time

import django
from django.db import Error, close_old_connections


def main() -> None:
    """Look until killed."""
    django.setup()
    from massmigration import api  # noqa: PLC0415 - needs Django set up
    from massmigration.aliases import managed_aliases  # noqa: PLC0415
    from massmigration.exceptions import QueueUnreachable  # noqa: PLC0415

    while True:
        close_old_connections()
        try:
            api.recover(list(managed_aliases()))
        except (Error, QueueUnreachable) as error:
            logging.getLogger("massmigration").warning("This look failed: %s", error)
        time.sleep(float(sys.argv[1]))


if __name__ == "__main__":
    main()
