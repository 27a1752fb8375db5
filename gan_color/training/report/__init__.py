"""Pages about runs: one run on a page, several side by side."""
