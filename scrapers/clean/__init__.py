"""Find gray, drawn, broken and duplicate images, and quarantine them."""
