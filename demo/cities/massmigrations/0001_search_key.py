from cities.geohash import geohash
from cities.models import City
from cities.search import search_key
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """Make cities searchable by name in any script, and by place."""

    def get_queryset(self, db_alias):
        return City.objects.using(db_alias)

    def operation(self, city, db_alias):
        city.search_key = search_key([city.name, *city.alternate_names.splitlines()])
        city.geohash = geohash(city.latitude, city.longitude)
        # Of no use but to show it if a row were done twice.
        city.times_done += 1
        city.save(using=db_alias, update_fields=["search_key", "geohash", "times_done"])
