"""The configuration of a run: parsed and validated here, built elsewhere."""
