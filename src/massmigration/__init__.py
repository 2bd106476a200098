"""Data migrations for Django that are too long for a deploy."""

from __future__ import annotations

__version__ = "1.0.0a1"
