"""The dashboard: a Textual application over run folders. It reads them, starts work as processes of their own, and never imports torch."""
