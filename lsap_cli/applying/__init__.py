"""The parts of `lsap apply`: adding, proving, the files' plan and manifest, and the processes that do the work."""
