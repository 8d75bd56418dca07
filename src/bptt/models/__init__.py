"""A file or a name in, a network out."""
