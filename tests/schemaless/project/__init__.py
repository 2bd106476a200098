"""A Django project with its records and rows on each of these databases."""
