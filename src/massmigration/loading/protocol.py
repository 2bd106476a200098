"""What loading needs to know of a migration; the base classes are a layer above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class LoadedMigration(Protocol):
    """An instance of the class `Migration` of one file."""

    @property
    def app_label(self) -> str:
        """Label of the app whose folder the file is in."""

    @property
    def name(self) -> str:
        """The file's name without `.py`."""

    @property
    def key(self) -> str:
        """`app_label:name`."""

    @property
    def dependencies(self) -> Sequence[tuple[str, str]]:
        """Pairs (app label, name) of the migrations that come first."""

    @property
    def allowed_db_aliases(self) -> Sequence[str] | None:
        """Aliases on which it may be applied; None where it does not matter."""

    def get_allowed_db_aliases(self) -> list[str]:
        """Give the aliases on which it may be applied."""
