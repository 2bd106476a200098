from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]
    operations = [
        migrations.AddField("product", "slug", models.SlugField(max_length=200, null=True)),
    ]
