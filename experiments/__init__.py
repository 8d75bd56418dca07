"""Does the diagnosis predict what a network learns, and do the remedies help? Run by make experiments."""
