"""The table that is measured, as the other packages see it."""
