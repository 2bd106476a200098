"""What was measured, one file for each part and database, so that a part can be measured again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Bar, Demand, Result, Table
from benchmarks.parts import PARTS

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Kept:
    """A result, and on what it was measured."""

    part: str
    database: str
    about: dict[str, Any]
    result: Result


def as_json(kept: Kept) -> str:
    """Write everything, each single time included."""
    return json.dumps(asdict(kept), indent=1) + "\n"


def from_json(text: str) -> Kept:
    """Read what `as_json` wrote."""
    found = json.loads(text)
    result = Result(
        [Table(**each) for each in found["result"]["tables"]],
        [Demand(**each) for each in found["result"]["demands"]],
        [Bar(**each) for each in found["result"]["bars"]],
    )
    return Kept(found["part"], found["database"], found["about"], result)


def keep(kept: Kept, folder: Path = FOLDER) -> Path:
    """Put it in the place of the one before."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{kept.part}-{kept.database}.json"
    path.write_text(as_json(kept))
    return path


def load(folder: Path = FOLDER) -> list[Kept]:
    """Read all that is kept, in the order of the page."""
    paths = [
        folder / f"{part.name}-{database}.json"
        for part in PARTS.values()
        for database in part.databases
    ]
    return [from_json(path.read_text()) for path in paths if path.exists()]
