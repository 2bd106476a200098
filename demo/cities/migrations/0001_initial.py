from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="City",
            fields=[
                ("geonameid", models.IntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("alternate_names", models.TextField(blank=True)),
                ("country", models.CharField(max_length=2)),
                ("latitude", models.FloatField()),
                ("longitude", models.FloatField()),
                ("population", models.BigIntegerField()),
                ("timezone", models.CharField(max_length=40)),
                ("search_key", models.TextField(blank=True)),
                ("geohash", models.CharField(blank=True, max_length=12)),
                ("times_done", models.IntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "cities",
            },
        ),
    ]
