"""Reports side by side: the median and its band over seeds."""
