"""Names in any script as words that can be typed on any keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anyascii import anyascii

if TYPE_CHECKING:
    from collections.abc import Iterable

WORD = re.compile(r"[a-z0-9]+")


def search_key(names: Iterable[str]) -> str:
    """Give the words of all names in ASCII and small letters, each once: `moscow moskva …`."""
    words = WORD.findall(anyascii("\n".join(names).replace("'", "")).lower())
    return " ".join(dict.fromkeys(words))
