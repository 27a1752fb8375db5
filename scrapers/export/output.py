"""What an export may write over: only what the same command wrote before."""

from collections.abc import Collection
from pathlib import Path

from scrapers import manifest
from scrapers.errors import ScraperError
from scrapers.files import walk


def require_own(folder: Path, output: Path, made: Collection[str], command: str) -> None:
    """ScraperError if `output` is, holds or lies in the dataset, or holds files of others."""
    here, there = folder.resolve(), output.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise ScraperError(
            f"-o: found {str(output)!r}, expected a folder that neither is in {str(folder)!r} nor "
            "holds it"
        )
    found = (path.relative_to(output).as_posix() for path in walk(output))
    own = {*manifest.OWN, *manifest.SPLIT_METADATA}
    others = [name for name in found if name not in made and name not in own]
    if others:
        more = f" and {len(others) - 1:,} more" if others[1:] else ""
        raise ScraperError(
            f"-o: {output} holds {others[0]}{more}, which `{command}` did not write (or an earlier "
            "version did): choose a new folder, or delete this one"
        )
