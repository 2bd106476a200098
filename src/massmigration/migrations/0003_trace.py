"""How fast a run went, for the chart on its page."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("massmigration", "0002_runs")]

    operations = [
        migrations.CreateModel(
            name="Trace",
            fields=[
                (
                    "run_id",
                    models.UUIDField(editable=False, primary_key=True, serialize=False),
                ),
                (
                    "interval",
                    models.BigIntegerField(
                        help_text="Milliseconds between points; grows with the run."
                    ),
                ),
                ("last_at", models.BigIntegerField(help_text="Time of the last point.")),
                (
                    "points",
                    models.TextField(help_text="JSON: pairs of time and rows done by then."),
                ),
            ],
        ),
    ]
