"""Video files in and out. Every use of PyAV in the shell is in this package."""
