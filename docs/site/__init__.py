"""Makes the documentation site: sources are staged, reference pages are made from the code, links are checked."""
