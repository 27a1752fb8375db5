"""Color spaces on tensors, and the 313 ab bins of Zhang et al. 2016."""
