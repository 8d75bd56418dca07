"""One step forward and one step back of each cell: the equations as code.

A new cell is one file with five functions (seven, where a gate stands before W_R) and a ``Cell`` that names them; everything else asks the ``Cell``.
"""

from bptt.cells.cell import Cell, Derivatives, States, Weights

__all__ = ["Cell", "Derivatives", "States", "Weights"]
