"""One step forward and one step back of each cell: the equations as code."""
