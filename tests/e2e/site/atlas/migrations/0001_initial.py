from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="City",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("plain_name", models.CharField(blank=True, max_length=400)),
                ("country", models.CharField(max_length=2)),
                ("size", models.CharField(blank=True, max_length=10)),
                ("population", models.IntegerField()),
            ],
        ),
    ]
