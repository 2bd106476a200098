"""A project on djangae. It runs on 0.3.9 too: nothing in here is of a later version alone."""
