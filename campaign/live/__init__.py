"""Many readers at the live page at once, and what becomes of its server."""
