"""Folders of photographs in, batches of uint8 crops out."""
