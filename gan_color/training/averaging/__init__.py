"""Means of a generator's weights: the EMA of a run, post-hoc EMAs, means of stages' ends."""
