"""The Unsplash Dataset: https://github.com/unsplash/datasets (photos.tsv, colors.tsv)."""

import csv
from collections.abc import Iterator
from pathlib import Path

from scrapers import licenses
from scrapers.errors import ScraperError, SourceError
from scrapers.item import Item, plain
from scrapers.sources.base import Source, number, safe_id

# Below this difference between its channels a named colour is grey; share of such colours.
GREY, GREY_SHARE = 12, 0.99
REQUIRED = ("photo_id", "photo_url", "photo_image_url", "photographer_username")


def rows(path: Path, required: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows of a TSV with a header. Raises SourceError where a column is missing."""
    csv.field_size_limit(1 << 24)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            missing = [name for name in required if name not in (reader.fieldnames or ())]
            if missing:
                raise SourceError(f"{path}: no column {missing[0]!r}; is it the right file?")
            yield from reader
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {error}") from None


class UnsplashDataset(Source):
    """Its photos.tsv; colors.tsv, where given, leaves grey ones out before they are fetched."""

    terms = (
        "Unsplash Dataset Lite v1.4: training, also commercial, inside an organisation; no "
        "redistribution, no published comparison, deletion on notice (read 2026-11)"
    )

    def check(self) -> None:
        if "unsplash-lite" not in self.recipe.licences:
            raise ScraperError(
                "unsplash_dataset: its pictures have terms of their own (no redistribution): add "
                "`unsplash-lite` to licences"
            )

    def queries(self) -> list[str]:
        return [str(path) for path in self.config.files]

    def _grey(self) -> set[str]:
        """Ids of photos whose named colours are all but grey."""
        grey: dict[str, list[float]] = {}
        for path in self.config.colors:
            for row in rows(path, ("photo_id", "red", "green", "blue", "coverage")):
                channels = [number(row[name]) for name in ("red", "green", "blue")]
                try:
                    coverage = float(row["coverage"])
                except ValueError:
                    continue
                sums = grey.setdefault(row["photo_id"], [0.0, 0.0])
                sums[0] += coverage
                sums[1] += coverage * (max(channels) - min(channels) <= GREY)
        return {name for name, (total, part) in grey.items() if part >= GREY_SHARE * total > 0}

    def search(self, query: str) -> Iterator[Item]:
        grey = self._grey()
        keywords = [keyword.lower() for keyword in self.config.keywords]
        for row in rows(Path(query), REQUIRED):
            said = f"{row.get('photo_description')} {row.get('ai_description')}".lower()
            if keywords and not any(keyword in said for keyword in keywords):
                continue
            first, last = row.get("photographer_first_name"), row.get("photographer_last_name")
            user = row["photographer_username"]
            author = plain(f"{first or ''} {last or ''}") or user
            width, height = number(row.get("photo_width")), number(row.get("photo_height"))
            scale = min(1.0, self.config.width / max(1, width))
            yield Item(
                id=safe_id("unsplash", row["photo_id"]),
                source=self.name,
                url=f"{row['photo_image_url']}?w={self.config.width}&q=85&fm=jpg",
                licence=licenses.named("unsplash-lite"),
                page=row["photo_url"],
                title=plain(row.get("photo_description")),
                author=author,
                author_url=f"https://unsplash.com/@{user}",
                credit=f"Photo by {author} on Unsplash, {row['photo_url']}",
                width=round(width * scale),
                height=round(height * scale),
                taken_at=row.get("photo_submitted_at") or "",
                terms=self.terms,
                refusal="grey by its colours" if row["photo_id"] in grey else "",
            )
