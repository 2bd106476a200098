"""What `status --requirements` adds: the code that waits, and what may go."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from massmigration.management.actions.output import Output
    from massmigration.requirements import Met, Retirable


def show(
    out: Output, judged: Sequence[Met], retirable: Sequence[Retirable], unread: Sequence[str]
) -> None:
    """Print the lists."""
    out.line()
    out.line(out.style.MIGRATE_HEADING("Code that waits"))
    if not judged:
        out.line("  none was found")
    for key, group in groupby(judged, lambda each: each.requirement.key):
        out.line(f"  {out.style.MIGRATE_LABEL(key)}")
        for each in group:
            place = f"{short(each.requirement.place)}  {each.requirement.what}".rstrip()
            out.line(f"    {place}: {_verdict(out, each)}")
    if unread:
        out.line("  Not known, since it is computed in a module that is not imported here:")
    for place in unread:
        out.line(f"    {out.style.WARNING(short(place))}")
    out.line()
    out.line(out.style.MIGRATE_HEADING("Applied everywhere"))
    if not retirable:
        out.line("  none")
    for one in retirable:
        out.line(f"  {one.key}: {_may_go(one)}")


def as_json(
    judged: Sequence[Met], retirable: Sequence[Retirable], unread: Sequence[str]
) -> dict[str, Any]:
    """Give the same for machines."""
    return {
        "requirements": [
            {
                "migration": each.requirement.key,
                "place": each.requirement.place,
                "what": each.requirement.what or None,
                "is_operation": each.requirement.is_operation,
                "databases": list(each.requirement.aliases),
                "missing": list(each.missing),
                "is_met": each.is_met,
                "problem": each.requirement.problem or None,
            }
            for each in judged
        ],
        "applied_everywhere": [
            {
                "migration": each.key,
                "named_by": list(each.named_by),
                "dependents": list(each.dependents),
            }
            for each in retirable
        ],
        "not_known": list(unread),
    }


def short(place: str) -> str:
    """Give a place below the current folder without that folder."""
    try:
        return os.path.relpath(place) if Path.cwd() in Path(place).parents else place
    except (OSError, ValueError):
        return place


def _verdict(out: Output, each: Met) -> str:
    if each.requirement.problem:
        return out.style.ERROR(each.requirement.problem)
    if each.missing:
        return out.style.WARNING(f"waits for {', '.join(each.missing)}")
    if each.requirement.is_operation:
        return out.style.SUCCESS("met everywhere")
    return out.style.SUCCESS("met everywhere, can be removed")


def _may_go(one: Retirable) -> str:
    if one.named_by:
        return f"still named by {', '.join(short(place) for place in one.named_by)}"
    text = "its file can go"
    if one.dependents:
        text += f" ({', '.join(one.dependents)} may go on naming it)"
    return text
