"""What a queue carries: a few words that say where there is work. Never the work itself."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from massmigration.exceptions import MassMigrationError

if TYPE_CHECKING:
    from collections.abc import Mapping


class BadMessage(MassMigrationError):
    """What the queue brought is no message of ours."""


@dataclass(frozen=True)
class Message:
    """Says that a run has work. Lost or doubled it is harmless: the database knows what is left."""

    db_alias: str
    run_id: uuid.UUID

    ticket: int = 0
    """Which of the run's tickets it bears; a run has as many as messages may be outstanding."""

    number: int = 0
    """How many messages this ticket had by then; tells a doubled or late one from the next."""

    params: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """`backend_params` of the migration, for whoever sends it. Not part of what is carried."""

    migration_key: str = field(default="", compare=False)
    """Key of the migration, for whoever sends it. Not part of what is carried."""

    def as_dict(self) -> dict[str, str | int]:
        """Give what is carried: text and whole numbers alone, so any format can hold it."""
        return {
            "db_alias": self.db_alias,
            "run_id": str(self.run_id),
            "ticket": self.ticket,
            "number": self.number,
        }

    @classmethod
    def parse(cls, carried: Mapping[str, Any]) -> Message:
        """Make the message from what `as_dict` gave.

        Raises:
            BadMessage: when it is something else; the text shows it.
        """
        try:
            return cls(
                db_alias=str(carried["db_alias"]),
                run_id=uuid.UUID(str(carried["run_id"])),
                ticket=int(carried["ticket"]),
                number=int(carried["number"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"This is no message of django-mass-migration: {str(carried)[:200]!r}."
            raise BadMessage(msg) from error
