"""Images: data sets, who holds which classes, batches of every agent and their augmentation."""
