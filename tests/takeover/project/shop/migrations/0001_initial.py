from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50)),
                ("applied", models.IntegerField(default=0)),
                ("errored", models.IntegerField(default=0)),
                ("abandoned", models.IntegerField(default=0)),
                ("never", models.IntegerField(default=0)),
                ("custom", models.IntegerField(default=0)),
                ("both", models.IntegerField(default=0)),
                ("is_bad", models.BooleanField(default=False)),
            ],
        ),
    ]
