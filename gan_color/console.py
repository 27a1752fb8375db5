"""Where progress and messages for a person go: standard error, so that output can be piped."""

from rich.console import Console

# Text in notebooks, too: what rich shows there instead needs ipywidgets.
console = Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=False)
