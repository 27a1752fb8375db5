"""Where progress and messages for a person go: standard error, so that output can be piped."""

import warnings

from rich.console import Console

# Text in notebooks, too: what rich shows there instead needs ipywidgets. So does tqdm, which
# packages of ours import and which says so there.
warnings.filterwarnings("ignore", message="IProgress not found")
console = Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=False)
