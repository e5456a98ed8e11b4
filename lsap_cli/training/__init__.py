"""Training: a network of one of the families, from the user's own labelled videos."""
