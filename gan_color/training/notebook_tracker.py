"""Jupyter: the newest preview sheet, in place, while the run goes on."""

from IPython.display import display

from gan_color.training.judge import sheet_of
from gan_color.training.tracking import Rows, Tracker


class NotebookTracker(Tracker):
    """Shows previews below the cell that trains: grey, EMA generator, raw generator, truth."""

    def __init__(self) -> None:
        self.handle = display(display_id=True)

    def previews(self, rows: Rows, total_images: int) -> None:
        if self.handle is not None:  # None outside of a notebook
            self.handle.update(sheet_of(rows))
