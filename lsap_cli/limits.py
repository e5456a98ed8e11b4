"""The largest numbers that options and files take: what is above them is a slip, or exhausts any machine."""

MOST_CLIPS = 4096  # of a batch, a pool or a video
MOST_STEPS = 10_000_000
MOST_DRAWS = 1000  # of random defenses, and of seeds
MOST_EPOCHS = 1_000_000
MOST_WORKERS = 256  # processes, or threads of one
LARGEST_SEED = 2**31 - 1
MOST_FOLDS = 1000  # of a study's recordings
