"""The live page: the lecture, with every symbol a number that moves."""
