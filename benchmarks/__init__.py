"""Speed and memory beside PyTorch, JAX and the machine's limit: ``make bench``."""
