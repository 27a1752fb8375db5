"""Where a run reports to: log.csv, previews, Weights & Biases, TensorBoard, a notebook."""
