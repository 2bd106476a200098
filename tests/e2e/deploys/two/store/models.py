from django.db import models
from django.utils.text import slugify


class Product(models.Model):
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, null=True)

    def __str__(self):
        return self.name

    def save(self, **kwargs):
        # New rows are right from this deploy on; the mass migration does the old ones.
        self.slug = self.slug or slugify(self.name)
        super().save(**kwargs)
