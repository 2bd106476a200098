"""Tests on real databases: unit, integration, contract, crash and e2e."""
