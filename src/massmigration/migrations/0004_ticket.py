"""Which messages are on their way for a run."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("massmigration", "0003_trace")]

    operations = [
        migrations.CreateModel(
            name="Ticket",
            fields=[
                (
                    "id",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("run_id", models.UUIDField()),
                ("number", models.IntegerField()),
                (
                    "is_out",
                    models.BooleanField(
                        default=True, help_text="A message is on its way or at work."
                    ),
                ),
                (
                    "sent",
                    models.BigIntegerField(default=0, help_text="Number of the last message sent."),
                ),
                (
                    "taken",
                    models.BigIntegerField(
                        default=0, help_text="Messages up to this one are stale."
                    ),
                ),
                (
                    "owner",
                    models.CharField(
                        blank=True, help_text="Who works on a message now.", max_length=250
                    ),
                ),
                (
                    "due_at",
                    models.BigIntegerField(
                        help_text="When the message is to come, or when it came."
                    ),
                ),
                (
                    "resends",
                    models.IntegerField(
                        default=0, help_text="Times that it was thought to be lost."
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["run_id"], name="massmigration_ticket_run")],
            },
        ),
    ]
