"""The actions of `manage.py massmigration`: each parses, calls `massmigration.api`, presents."""
