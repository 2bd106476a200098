"""The table of 0.3.x, taken over where it stands already."""

from __future__ import annotations

import uuid

import django.utils.timezone
from django.db import migrations, models

import massmigration.fields
from massmigration.schema import CreateModelUnlessPresent


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        CreateModelUnlessPresent(
            name="MigrationRecord",
            fields=[
                ("key", models.CharField(max_length=250, primary_key=True, serialize=False)),
                ("app_label", massmigration.fields.ComputedCharField("_app_label", max_length=100)),
                ("name", massmigration.fields.ComputedCharField("_name", max_length=150)),
                (
                    "attempt_uuid",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        help_text="The id of the run that this record belongs to.",
                    ),
                ),
                (
                    "initiated_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("in_progress", massmigration.fields.ComputedBooleanField("_in_progress")),
                (
                    "is_applied",
                    models.BooleanField(
                        default=False,
                        help_text="Whether the migration is wholly applied to the database.",
                    ),
                ),
                (
                    "applied_at",
                    massmigration.fields.ComputedDateTimeField("_applied_at", null=True),
                ),
                ("has_error", models.BooleanField(default=False)),
                ("last_error", models.TextField(blank=True)),
                ("was_faked", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "migration record",
                "verbose_name_plural": "migration records",
                "permissions": [
                    ("operate_migrationrecord", "Can run and control mass migrations"),
                ],
            },
        ),
    ]
