"""The only writer of our rows: every transition, lease and checkpoint is made here."""
