"""lsap: robustness evaluation for video classifiers. This package is the shell: files, processes, screens."""

import time

STARTED = time.monotonic()  # when the process began its work: time budgets count from here
