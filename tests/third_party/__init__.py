"""Models of other packages, their own classes, each with its natural batch and loss."""
