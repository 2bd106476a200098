"""What 0.3.9 from PyPI has left in a database, taken over by this version."""
