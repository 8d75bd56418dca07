"""Numbers as columns with units and definitions, for data frames and files."""
