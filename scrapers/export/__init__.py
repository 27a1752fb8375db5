"""Splits, resized copies and WebDataset tars of a dataset."""
