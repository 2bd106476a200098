"""Rows whose keys each of these databases can have."""
