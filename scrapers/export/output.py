"""Where an export may write: beside the dataset, and over what the same command wrote before."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from scrapers import manifest
from scrapers.errors import ScraperError
from scrapers.export.split import kept, read_rows
from scrapers.files import folder_lock, walk
from scrapers.manifest import Row


@contextmanager
def locked(folder: Path, output: Path) -> Iterator[list[Row]]:
    """Lock a dataset and the folder that is made from it; yields the rows that were kept.

    ScraperError, before `output` is made, if it is, holds or lies in the dataset, or the dataset
    has no manifest.
    """
    here, there = folder.resolve(), output.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise ScraperError(
            f"-o: found {str(output)!r}, expected a folder that neither is in {str(folder)!r} nor "
            "holds it"
        )
    with folder_lock(folder, read_only=True):
        rows = kept(read_rows(folder))
        with folder_lock(output, make=True):
            yield rows


def require_own(output: Path, made: Collection[str], command: str) -> None:
    """ScraperError if `output` holds files that `command` did not make."""
    found = (path.relative_to(output).as_posix() for path in walk(output))
    own = {*manifest.OWN, *manifest.SPLIT_METADATA}
    others = [name for name in found if name not in made and name not in own]
    if others:
        more = f" and {len(others) - 1:,} more" if others[1:] else ""
        raise ScraperError(
            f"-o: {output} holds {others[0]}{more}, which `{command}` did not write (or an earlier "
            "version did): choose a new folder, or delete this one"
        )
