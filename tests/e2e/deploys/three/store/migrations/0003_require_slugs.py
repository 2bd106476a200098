from django.db import migrations

from massmigration.operations import RequireMassMigration


class Migration(migrations.Migration):
    dependencies = [("store", "0002_product_slug"), ("massmigration", "0002_runs")]
    operations = [
        RequireMassMigration(
            "store", "0001_fill_slugs", model="store.Product", run_inline_below=20
        ),
    ]
