"""Random networks, each compared with an answer that this library had no part in: ``make fuzz``."""
