"""Splits, resized copies, tars and parquet of a dataset."""
