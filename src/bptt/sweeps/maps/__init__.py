"""A sweep drawn: maps, curves, the line λ₁ = 0, a page and a table."""
