"""The Unsplash Dataset: https://github.com/unsplash/datasets (photos.tsv, colors.tsv)."""

import csv
from collections.abc import Iterator
from pathlib import Path

from scrapers import licenses
from scrapers.errors import ScraperError, SourceError
from scrapers.item import Item, plain
from scrapers.sources.base import Source, number, safe_id

# A color is gray if its channels differ by at most this; a photo is, with this share of grays.
GRAY, GRAY_SHARE = 12, 0.99
REQUIRED = ("photo_id", "photo_url", "photo_image_url", "photographer_username")


def rows(path: Path, required: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Rows of a TSV with a header; SourceError if a column is missing."""
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
    """Its photos.tsv; with colors.tsv, gray photos are skipped before download."""

    terms = (
        "Unsplash Dataset Lite v1.4: training, also commercial, inside an organization; no "
        "redistribution, no published comparison, deletion on notice (read 2026-11)"
    )

    def check(self) -> None:
        if "unsplash-lite" not in self.recipe.licenses:
            raise ScraperError(
                "unsplash_dataset: its images have their own terms (no redistribution): add "
                "`unsplash-lite` to `licenses`"
            )

    def queries(self) -> list[str]:
        return [str(path) for path in self.config.files]

    def _gray_ids(self) -> set[str]:
        """Ids of photos whose listed colors are nearly all gray."""
        gray: dict[str, list[float]] = {}
        for path in self.config.colors:
            for row in rows(path, ("photo_id", "red", "green", "blue", "coverage")):
                channels = [number(row[name]) for name in ("red", "green", "blue")]
                try:
                    coverage = float(row["coverage"])
                except ValueError:
                    continue
                sums = gray.setdefault(row["photo_id"], [0.0, 0.0])
                sums[0] += coverage
                sums[1] += coverage * (max(channels) - min(channels) <= GRAY)
        return {name for name, (total, part) in gray.items() if part >= GRAY_SHARE * total > 0}

    def search(self, query: str) -> Iterator[Item]:
        gray = self._gray_ids()
        keywords = [keyword.lower() for keyword in self.config.keywords]
        for row in rows(Path(query), REQUIRED):
            text = f"{row.get('photo_description')} {row.get('ai_description')}".lower()
            if keywords and not any(keyword in text for keyword in keywords):
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
                license=licenses.named("unsplash-lite"),
                page=row["photo_url"],
                title=plain(row.get("photo_description")),
                author=author,
                author_url=f"https://unsplash.com/@{user}",
                credit=f"Photo by {author} on Unsplash, {row['photo_url']}",
                width=round(width * scale),
                height=round(height * scale),
                taken_at=row.get("photo_submitted_at") or "",
                terms=self.terms,
                rejection_reason="gray (colors.tsv)" if row["photo_id"] in gray else "",
            )
