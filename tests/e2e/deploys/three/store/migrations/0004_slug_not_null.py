from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0003_require_slugs")]
    operations = [
        migrations.AlterField("product", "slug", models.SlugField(max_length=200)),
    ]
