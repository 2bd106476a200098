import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ItemProxy",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("shop.item",),
        ),
        migrations.CreateModel(
            name="MomentItem",
            fields=[
                ("at", models.DateTimeField(primary_key=True, serialize=False)),
                ("n", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="DecimalItem",
            fields=[
                (
                    "code",
                    models.DecimalField(
                        decimal_places=4, max_digits=12, primary_key=True, serialize=False
                    ),
                ),
                ("n", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="OneToOneItem",
            fields=[
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="shop.item",
                    ),
                ),
                ("n", models.IntegerField(default=0)),
            ],
        ),
    ]
