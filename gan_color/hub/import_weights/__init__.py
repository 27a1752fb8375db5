"""Weights that others published, as model files of this package: one rename table a source."""

from gan_color.hub.import_weights.importer import SOURCES, import_weights

__all__ = ["SOURCES", "import_weights"]
