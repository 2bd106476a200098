"""An app whose migrations are in a bad way."""
