"""From a recipe to a folder of images with a manifest."""
