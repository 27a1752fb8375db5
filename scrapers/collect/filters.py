"""Checks before any download: license, terms and stated size."""

from urllib.parse import urlsplit

from scrapers.fetch.rate_limits import origin
from scrapers.item import Item
from scrapers.recipe import Recipe


def _is_address(url: str) -> bool:
    try:
        return origin(url).startswith(("http://", "https://")) and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def rejection_reason(item: Item, recipe: Recipe) -> str:
    """Why an item is not downloaded, in a few words to count by; "" if it is."""
    if item.rejection_reason:
        return item.rejection_reason
    if not item.is_here and not _is_address(item.url):
        return "bad address"
    if item.license is None:
        return "unknown license"
    if item.license.id not in recipe.licenses:
        return f"license {item.license.id}"
    if item.width and item.height and min(item.width, item.height) < recipe.min_side:
        return "too small"
    if item.width * item.height > recipe.limits.max_pixels:
        return "too many pixels"
    return ""
