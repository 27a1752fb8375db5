"""Checks: an image in, a verdict with reason and score out."""
