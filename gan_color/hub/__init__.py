"""Model files and weights: what is saved, shipped and downloaded."""
