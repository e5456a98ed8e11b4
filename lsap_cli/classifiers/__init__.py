"""Classifiers: any network, wrapped so that it takes pixel clips and gives logits."""
