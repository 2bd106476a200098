"""Data migrations for Django that are too long for a deploy."""

__version__ = "1.0.0a1"
