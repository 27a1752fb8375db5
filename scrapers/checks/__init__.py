"""Checks: a picture in, a verdict, its reason and score out."""
