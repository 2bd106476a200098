"""The Django project that benchmarks run in: tables alike, and migrations on them."""
