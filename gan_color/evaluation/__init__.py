"""Metrics of colorizers under pinned protocols."""
