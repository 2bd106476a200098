"""Coordinates as a short text: places whose texts begin alike are near each other."""

from __future__ import annotations

DIGITS = "0123456789bcdefghjkmnpqrstuvwxyz"


def geohash(latitude: float, longitude: float, length: int = 9) -> str:
    """Give the geohash of a place.

    Longitude and latitude in turn are halved, and each half is one bit; five bits are one digit
    in base 32. Invented by Gustavo Niemeyer for geohash.org (2008); the algorithm is described
    at https://en.wikipedia.org/wiki/Geohash.
    """
    ranges = ([-180.0, 180.0], [-90.0, 90.0])
    wanted = (longitude, latitude)
    text, bits = "", 1  # the leading 1 marks how many bits there are
    for step in range(5 * length):
        axis = ranges[step % 2]
        middle = sum(axis) / 2
        upper = wanted[step % 2] >= middle
        axis[0 if upper else 1] = middle
        bits = bits << 1 | upper
        if bits >= 32:
            text += DIGITS[bits - 32]
            bits = 1
    return text
