"""What code and templates of 0.3.x take for a dict."""

from __future__ import annotations

from typing import Any


class Subscripted:
    """Gives its attributes by subscript too: `records_map["default"]["record"]`."""

    def __getitem__(self, name: str) -> Any:
        """Give the attribute of that name.

        Raises:
            KeyError: when there is none.
        """
        if not isinstance(name, str) or not hasattr(self, name):
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Give the attribute of that name, or something else where there is none."""
        return getattr(self, name, otherwise)
