"""Checks before any download: license, terms and stated size."""

from scrapers.item import Item
from scrapers.recipe import Recipe


def rejection_reason(item: Item, recipe: Recipe) -> str:
    """Why an item is not downloaded, in a few words to count by; "" if it is."""
    if item.rejection_reason:
        return item.rejection_reason
    if item.license is None:
        return "unknown license"
    if item.license.id not in recipe.licenses:
        return f"license {item.license.id}"
    if item.width and item.height and min(item.width, item.height) < recipe.min_side:
        return "too small"
    if item.width * item.height > recipe.limits.max_pixels:
        return "too many pixels"
    return ""
