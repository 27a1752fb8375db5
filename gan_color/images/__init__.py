"""Image files in and out: any format in, the same format out, nothing lost on the way."""
