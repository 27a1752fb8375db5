"""Where progress and messages for a person go: standard error, so that output can be piped."""

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True)
