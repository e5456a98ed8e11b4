"""The parts of `lsap defend`: its task, and the measurements beside the matrix."""
