"""Find what is no photograph, gray, broken or double, and set it aside."""
