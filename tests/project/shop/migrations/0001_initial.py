import uuid

import django
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("slug", models.CharField(blank=True, max_length=200)),
                ("n", models.IntegerField(default=0)),
                ("note", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="UUIDItem",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("n", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="TextItem",
            fields=[
                ("code", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("n", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="ChildItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("n", models.IntegerField(default=0)),
                (
                    "item",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.item"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SpecialItem",
            fields=[
                (
                    "item_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="shop.item",
                    ),
                ),
                ("extra", models.IntegerField(default=0)),
            ],
            bases=("shop.item",),
        ),
    ]

    if django.VERSION >= (5, 2):
        operations.append(
            migrations.CreateModel(
                name="CompositeItem",
                fields=[
                    (
                        "pk",
                        models.CompositePrimaryKey(
                            "tenant",
                            "number",
                            blank=True,
                            editable=False,
                            primary_key=True,
                            serialize=False,
                        ),
                    ),
                    ("tenant", models.IntegerField()),
                    ("number", models.IntegerField()),
                    ("n", models.IntegerField(default=0)),
                ],
            )
        )
