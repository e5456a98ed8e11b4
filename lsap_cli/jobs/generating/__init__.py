"""The parts of `lsap generate`: its task, the perturbations that it learns, what it writes."""
