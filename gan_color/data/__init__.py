"""Folders of photographs in, batches of uint8 crops out."""

import os

# Without this the import of albumentations asks a server for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
