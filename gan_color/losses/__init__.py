"""Losses: tensors in, scalars out. No model, no configuration, no batch."""
