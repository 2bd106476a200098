"""Django migrations of the shop."""
