"""The answer of a view whose migration is not applied yet: 503, with Retry-After."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse
from django.template import loader
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from massmigration.conf import get_settings

if TYPE_CHECKING:
    from django.http import HttpRequest

TEMPLATE = "massmigration/503.html"

logger = logging.getLogger("massmigration")


def unavailable(request: HttpRequest | None) -> HttpResponse:
    """Answer in the form that the client prefers; the migration is not named to strangers."""
    seconds = round(get_settings().RETRY_AFTER)
    text = _("This resource requires data changes which have not yet been made.")
    response: HttpResponse
    if request is not None and prefers_json(request.headers.get("Accept", "")):
        response = JsonResponse({"detail": text, "retry_after": seconds}, status=503)
    else:
        response = _page(request, text, seconds)
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Accept"])
    return response


def request_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpRequest | None:
    """Find the request that a view was called with, as Django's or as another framework's."""
    for value in (*args, *kwargs.values()):
        if hasattr(value, "headers") and hasattr(value, "META"):
            return value
    return None


def prefers_json(accept: str) -> bool:
    """Tell whether JSON is wanted more than HTML; where both are wanted alike, it is not.

    Of two equal weights the range that says more counts (RFC 9110, 12.5.1).
    """
    best = {"json": (0.0, 0), "html": (0.0, 0)}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = _weight(parameters)
        main, _, sub = media.partition("/")
        if media == "*/*":
            found = {"json": (weight, 0), "html": (weight, 0)}
        elif sub == "json" or sub.endswith("+json"):
            found = {"json": (weight, 2)}
        elif media in {"text/html", "application/xhtml+xml"}:
            found = {"html": (weight, 2)}
        elif sub == "*":
            found = {{"text": "html", "application": "json"}.get(main, ""): (weight, 1)}
        else:
            continue
        for kind, value in found.items():
            # An exact range outweighs a wider one, whatever their weights.
            if kind in best and (value[1], value[0]) > (best[kind][1], best[kind][0]):
                best[kind] = value
    return best["json"][0] > 0 and best["json"] > best["html"]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _page(request: HttpRequest | None, text: str, seconds: int) -> HttpResponse:
    context = {"message": text, "retry_after": seconds}
    try:
        body = loader.render_to_string(TEMPLATE, context, request)
    except Exception:
        # The project's own template or a context processor; the answer must come all the same.
        logger.exception("The template %s could not be rendered", TEMPLATE)
        return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(body, status=503)
