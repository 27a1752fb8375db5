"""What is let through before anything is fetched: licence, terms and stated size."""

from scrapers.item import Item
from scrapers.recipe import Recipe


def refusal(item: Item, recipe: Recipe) -> str:
    """Why an item may not be fetched, in a few words that are counted; "" where it may."""
    if item.refusal:
        return item.refusal
    if item.licence is None:
        return "licence unknown"
    if item.licence.id not in recipe.licences:
        return f"licence {item.licence.id}"
    if item.width and item.height and min(item.width, item.height) < recipe.min_side:
        return "too small"
    if item.width * item.height > recipe.limits.max_pixels:
        return "too many pixels"
    return ""
