"""Colorizers, behind one interface: gan_color.models.base.Colorizer."""

from gan_color.models.registry import create, names

__all__ = ["create", "names"]
