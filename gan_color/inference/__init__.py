"""From a photo to a colorized photo."""
