"""Ways to take one gradient apart, and to compute it: by lag, by step, truncated, and forward in time."""
