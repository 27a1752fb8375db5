"""Staged training. Nothing here is imported for inference."""

import warnings

with warnings.catch_warnings():
    # fastai decorates a loss with torch.jit.script, which torch announces the end of.
    warnings.filterwarnings("ignore", "`torch.jit")
    import fastai.learner  # noqa: F401
