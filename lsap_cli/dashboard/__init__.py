"""The dashboard: a Textual application over run folders.

It reads them, starts work as separate processes, and never imports torch.
"""
