"""Staged training. Nothing here is imported for inference."""
