"""From a recipe to a folder of pictures with a manifest."""
