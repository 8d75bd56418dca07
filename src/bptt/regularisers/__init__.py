"""Two regularisers that keep the error signal alive: Pascanu's Ω, and gradient flossing."""
