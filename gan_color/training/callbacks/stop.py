"""A run that is asked to end (SIGTERM, Ctrl-C) saves at once, within an epoch, and ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from gan_color import distributed
from gan_color.training.callbacks.base import Callback
from gan_color.training.state import TrainingState


class TrainingInterrupted(Exception):  # noqa: N818 (no error, as KeyboardInterrupt is none)
    """A run was asked to end, and has saved where it is: `folder` resumes there, to the bit."""

    def __init__(self, folder: Path, checkpoint: str) -> None:
        super().__init__(
            f"stopped at {checkpoint}, which is saved; go on with: "
            f"gan-color train --resume {folder}"
        )
        self.folder = folder


class StopRequest:
    """Whether a signal has asked this process to end."""

    def __init__(self) -> None:
        self.made = False

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Take SIGTERM and the first SIGINT as requests, in the main thread; a second SIGINT ends
        the process as it always does.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # Python gives signals to the main thread only
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def request(number: int, frame: FrameType | None) -> None:
            if self.made and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.made = True

        for number in before:
            signal.signal(number, request)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class StopOnRequest(Callback):
    """Saves and ends the training after the batch during which it was asked to end."""

    order = 60  # after everything else that follows a batch or an epoch

    def __init__(
        self,
        request: StopRequest,
        state: TrainingState,
        save: Callable[[], None],
        epoch_images: int,
    ) -> None:
        self.request, self.state, self.save = request, state, save
        self.epoch_images = epoch_images

    def after_batch(self) -> None:
        # An epoch's last batch is followed by validation and a checkpoint in any case.
        if self.state.images % self.epoch_images and self._asked():
            self.save()
            self._end()

    def after_train(self) -> None:
        if self._asked():
            self._end()

    def _asked(self) -> bool:
        return distributed.any_rank(self.request.made)

    def _end(self) -> NoReturn:
        raise TrainingInterrupted(self.state.folder, self.state.checkpoint_name)
