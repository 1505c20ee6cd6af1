"""The page at ``/``: what runs, the demo account, and how to connect."""
