"""Jupyter: the newest preview sheet, in place, while the run goes on."""

from IPython.display import DisplayHandle, display

from gan_color.training.loggers.base import Rows, Tracker
from gan_color.training.loggers.preview import sheet_of


class NotebookTracker(Tracker):
    """Shows previews below the cell that trains: grey, EMA generator, raw generator, truth."""

    def __init__(self) -> None:
        self.handle: DisplayHandle | None = None

    def previews(self, rows: Rows, total_images: int) -> None:
        sheet = sheet_of(rows)
        if self.handle is None:
            self.handle = display(sheet, display_id=True)
        else:
            self.handle.update(sheet)
