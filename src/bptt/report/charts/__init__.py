"""The charts of a diagnosis: what is drawn, what is found in it, and its numbers as a table."""
