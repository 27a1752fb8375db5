"""The command line: parses options, prints tables, calls the other modules."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scrapers.errors import ScraperError, SourceError
from scrapers.files import write_text
from scrapers.recipe import Recipe, read_recipe

console = Console(stderr=True, highlight=False, soft_wrap=True)
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Collect, clean, split and pack photographs that you may train on.",
)

RecipePath = Annotated[Path, typer.Argument(help="a recipe, such as datasets/landscapes.yml")]
Folder = Annotated[Path, typer.Argument(help="a dataset folder, or any folder of images")]
Contact = Annotated[str, typer.Option(help="your email or web page, overriding the recipe's")]
KeepMetadata = Annotated[
    bool, typer.Option("--keep-metadata", help="keep EXIF, with places and owners")
]
Private = Annotated[
    list[str] | None,
    typer.Option("--allow-address", help="also connect to this private address: a mirror of yours"),
]


LINE_EVERY = 30.0  # seconds

# typer carries a private copy of click; this is its base of all usage errors.
_UsageError: Any = typer.BadParameter.__mro__[2]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a user error is one line and exit code 2."""
    try:
        code = app(arguments, standalone_mode=False, prog_name="python -m scrapers")
    except (ScraperError, SourceError) as error:
        return _fail(str(error))
    except _UsageError as error:
        return _fail(error.format_message())
    except OSError as error:  # a disk that is full, a folder that may not be written to
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # typer's word for Ctrl-C
        console.print("interrupted; run the same command to resume")
    return int(code or 0)


def _fail(message: str) -> int:
    console.print(f"scrapers: {' '.join(message.split())}", markup=False)
    return 2


def _recipe(path: Path, contact: str, limit: int | None = None) -> Recipe:
    recipe = read_recipe(path)
    changes = {"contact": contact or recipe.contact, "limit": limit or recipe.limit}
    return recipe.model_copy(update=changes)


class _Lines(Progress):
    """A line every 30 seconds, where no terminal shows a bar."""

    def __init__(self, *columns: Any, **options: Any) -> None:
        super().__init__(*columns, **options, disable=True)
        self._next = time.monotonic() + LINE_EVERY

    def update(self, task_id: Any, **changes: Any) -> None:
        super().update(task_id, **changes)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY
            parts = (
                f"{task.description} {task.completed:,.0f}"
                + (f" of {task.total:,.0f}" if task.total else "")
                for task in self.tasks
            )
            self.console.print(f"{', '.join(parts)}", markup=False)


def progress() -> Progress:
    """A progress bar with counts, on stderr; lines without a terminal."""
    kind = Progress if console.is_terminal else _Lines
    return kind(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@app.command()
def collect(
    recipe: RecipePath,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="default: beside the recipe")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="images in total")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only search")] = False,
    contact: Contact = "",
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="ask again for what was refused before")
    ] = False,
    allow_address: Private = None,
) -> int:
    """Download what a recipe describes. Safe to kill: the same command resumes.

    Exit code 3: something was left undone, which the next run tries again.
    """
    from scrapers.collect import collector
    from scrapers.collect.url_list import preview
    from scrapers.sources import source_names

    loaded = _recipe(recipe, contact, limit)
    folder = output or recipe.parent / loaded.name
    if dry_run:
        found, rejected, errors = preview(loaded, limit or 200, allow_address or ())
        table = Table("source", "to download", "rejected", title=str(recipe))
        for name in source_names(loaded):
            details = ", ".join(f"{n} {reason}" for reason, n in rejected[name].most_common())
            table.add_row(name, str(found[name]), errors.get(name) or details)
        console.print(table)
        return 0
    with progress() as bars:
        tasks = {
            name: bars.add_task(name, total=source.limit or loaded.limit)
            for name, source in zip(source_names(loaded), loaded.sources, strict=True)
        }
        summary = collector.collect(
            loaded,
            folder,
            allow_address or (),
            lambda name: bars.update(tasks[name], advance=1),
            retry_refused,
        )
    table = Table("source", "found", "skipped", "stored", "rejected, failed", title=str(folder))
    for name in source_names(loaded):
        reasons = [f"{n} {why}" for why, n in summary.rejected[name].most_common()]
        reasons += [f"{n} {why} (will retry next run)" for why, n in summary.failed[name].items()]
        reasons += [summary.errors[name]] if name in summary.errors else []
        counts = (summary.found[name], summary.skipped[name], summary.stored[name])
        table.add_row(name, *map(str, counts), "; ".join(reasons))
    console.print(table)
    console.print(
        f"{summary.stored.total():,} images, {summary.received / 1e6:,.1f} MB in "
        f"{summary.seconds:,.0f} s; {summary.undone:,} left undone",
        markup=False,
    )
    write_text(folder / "report.json", json.dumps(summary.as_json(), indent=1) + "\n")
    for note in summary.notes:
        console.print(note, style="yellow", markup=False)
    if "disk" in summary.errors:
        raise ScraperError(f"{folder}: {summary.errors['disk']}")
    if len(summary.errors) == len(loaded.sources):
        raise ScraperError(next(iter(summary.errors.values())))
    return 3 if summary.undone else 0


@app.command()
def urls(
    recipe: RecipePath,
    output: Annotated[Path, typer.Option("-o", "--output", dir_okay=False, help="a .parquet file")],
    limit: Annotated[int | None, typer.Option(min=1, help="images in total")] = None,
    contact: Contact = "",
    allow_address: Private = None,
) -> None:
    """Write a URL list with license columns for img2dataset, and print its command."""
    from scrapers.collect.url_list import command, write_urls

    count, errors = write_urls(_recipe(recipe, contact, limit), output, allow_address or ())
    for name, error in errors.items():
        console.print(f"{name}: {error}", style="yellow", markup=False)
    console.print(f"{output}: {count:,} URLs; download them with\n", markup=False)
    typer.echo(command(output))


@app.command()
def clean(
    folder: Folder,
    rules: Annotated[Path | None, typer.Option(help="thresholds: datasets/clean.yml")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="write verdicts, move nothing")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="restore everything that was moved")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(help="override: restore this file for good")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(help="takedown: delete the picture of this id, URL, page, file or SHA-256"),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="reject copies of this folder's images too: val/, say")
    ] = None,
    watermarks: Annotated[
        bool, typer.Option("--watermarks", help="read the text of pictures too (slow; an extra)")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="worker processes")] = None,
    report: Annotated[bool, typer.Option(help="write report.html for review")] = True,
) -> None:
    """Check every image, quarantine rejects, write manifest, credits and report.html."""
    from scrapers.checks.rules import Rules
    from scrapers.clean import quarantine, run
    from scrapers.options import parse, read_yaml

    if undo:
        console.print(f"{folder}: {quarantine.undo(folder):,} files restored", markup=False)
        return
    if remove:
        from scrapers.clean import takedown

        count = takedown.remove(folder, remove)
        console.print(f"{folder}: {count:,} removed for good; pack it again", markup=False)
        return
    if keep:
        for name in keep:
            console.print(f"{folder}: kept {quarantine.keep(folder, name)}", markup=False)
        return
    limits = parse(Rules, read_yaml(rules), rules) if rules else Rules()
    if watermarks:
        limits = limits.model_copy(update={"watermarks": True})
    with progress() as bars:
        task = bars.add_task("check", total=len(run.files(folder)))
        counts = run.clean(
            folder,
            limits,
            dry_run,
            workers,
            lambda n: bars.update(task, advance=n),
            report,
            against,
        )
    table = Table("verdict", "images", title=str(folder))
    for verdict, count in counts.most_common():
        table.add_row(verdict, f"{count:,}")
    console.print(table)
    if report:
        console.print(f"report: {folder / 'report.html'}", markup=False)


@app.command()
def split(
    folder: Folder,
    val: Annotated[float, typer.Option(help="validation fraction")] = 0.05,
    test: Annotated[float, typer.Option(help="test fraction")] = 0.0,
) -> None:
    """Move images to images/train, images/val, images/test; groups are never split."""
    from scrapers.export import split

    for name, count in sorted(split.split(folder, val, test).items()):
        console.print(f"{folder}/images/{name}: {count:,} images", markup=False)


@app.command()
def resize(
    folder: Folder,
    short_side: Annotated[int, typer.Option(min=16, help="pixels")] = 288,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="or DIR_288")] = None,
    keep_metadata: KeepMetadata = False,
) -> None:
    """Write a resized copy of a dataset; never upscales. What is outdated in it goes."""
    from scrapers.export import resize

    target = output or folder.with_name(f"{folder.name}_{short_side}")
    with progress() as bars:
        task = bars.add_task("resize", total=None)
        advance = lambda n: bars.update(task, advance=n)  # noqa: E731
        resize.resize(folder, target, short_side, advance, keep_metadata)
    console.print(f"{target}", markup=False)


@app.command()
def pack(
    folder: Folder,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="or DIR_shards")] = None,
    per_shard: Annotated[int, typer.Option(min=1, help="images per tar")] = 1000,
    keep_metadata: KeepMetadata = False,
) -> None:
    """Write WebDataset tars, which the trainer's data.folders also reads; old ones go."""
    from scrapers.export import webdataset

    target = output or folder.with_name(f"{folder.name}_shards")
    count = webdataset.pack(folder, target, per_shard, keep_metadata)
    console.print(f"{target}: {count:,} tars", markup=False)
