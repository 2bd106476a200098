"""One table in a process of its own, so that its peak of memory is its own too.

`python -m benchmarks.child ALIAS few|some|many BATCHES` prints JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from benchmarks import databases
from benchmarks.measure import seconds_of

LAUNCHES = 7
LOOKS = 15


def main(alias: str, table: str, batches: int) -> dict[str, Any]:
    databases.set_up()
    # Models and what uses them can be imported only now.
    from benchmarks.project.models import Few, Many, Some  # noqa: PLC0415
    from massmigration import api  # noqa: PLC0415
    from massmigration.engine import rowkeys  # noqa: PLC0415
    from massmigration.engine.progress import progress_of  # noqa: PLC0415
    from massmigration.loading import store  # noqa: PLC0415
    from massmigration.models import Run, Shard  # noqa: PLC0415

    model = {"few": Few, "some": Some, "many": Many}[table]
    number = {"few": "0004", "many": "0005", "some": "0009"}[table]
    migration = store.by_key[f"bench:{number}_{table}"]
    size = migration.max_batch_size
    result: dict[str, Any] = {"launch": [], "rows": 0}
    for repeat in range(LAUNCHES + 1):
        if repeat:
            api.forget(migration.key, alias)
        result["launch"].append(seconds_of(lambda: api.launch(migration, alias)))
    result["launch"].pop(0)

    run = Run.objects.using(alias).get(status="enqueued")
    last = model.objects.using(alias).order_by("-pk").values_list("pk", flat=True)[0]
    starts = {"beginning": 0, "middle": last // 2, "end": last - size * (batches + 1)}
    for place, cursor in starts.items():
        # The run is taken to another part of the table, as if it had come there by itself.
        if cursor:
            shards = Shard.objects.using(alias).filter(run_id=run.id)
            shards.update(cursor=rowkeys.encode(model, cursor))
        seconds: list[float] = []
        seen = 0

        def note(report: api.BatchReport, seconds: list[float] = seconds) -> None:
            nonlocal seen
            seen += 1
            result["rows"] += report.rows
            if report.rows == size:  # the first of all is smaller
                seconds.append(report.seconds)

        def enough() -> bool:
            return seen >= batches  # noqa: B023 - called within this turn of the loop

        request = api.RunRequest(full_speed=True, on_batch=note, should_stop=enough)
        api.run(migration, alias, request)
        result[place] = seconds
    run.refresh_from_db()
    result["progress"] = [seconds_of(lambda: progress_of(alias, run)) for _ in range(LOOKS)]
    result["status"] = [seconds_of(lambda: api.statuses([alias])) for _ in range(LOOKS)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_bytes"] = peak if sys.platform == "darwin" else peak * 1024
    return result


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
