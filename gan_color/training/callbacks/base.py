"""What every callback of a training is."""

from fastai.callback.core import Callback as FastaiCallback


class Callback(FastaiCallback):
    """fastai's, but what a method raises goes up as it is: fastai would put a preface of its own
    into the exception, and so into the one line that the user sees.
    """

    def __call__(self, event_name: str) -> None:
        if self.run and hasattr(self, event_name):
            getattr(self, event_name)()
