"""lsap: robustness evaluation for video classifiers. This package is the shell: files, processes, screens."""
