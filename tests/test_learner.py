"""The one place where fastai is held by a private name."""

import inspect

from fastai.learner import Learner

from gan_color.training.learner import ColorLearner


def test_fastai_still_runs_a_batch_through_the_method_we_override():
    assert "_do_one_batch" in inspect.getsource(Learner.one_batch), (
        "fastai renamed Learner._do_one_batch: ColorLearner's steps would not run"
    )
    assert "_do_one_batch" in vars(ColorLearner)
    assert list(inspect.signature(Learner._do_one_batch).parameters) == ["self"]
