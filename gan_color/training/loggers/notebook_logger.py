"""Jupyter: the newest preview sheet, in place, while the run goes on."""

from IPython.display import DisplayHandle, display

from gan_color.training.loggers.base import Logger, Rows
from gan_color.training.loggers.preview import preview_sheet


class NotebookLogger(Logger):
    """Shows previews below the cell that trains: gray, EMA generator, raw generator, truth."""

    def __init__(self) -> None:
        self.handle: DisplayHandle | None = None

    def previews(self, rows: Rows, total_images: int) -> None:
        sheet = preview_sheet(rows)
        if self.handle is None:
            self.handle = display(sheet, display_id=True)
        else:
            self.handle.update(sheet)
