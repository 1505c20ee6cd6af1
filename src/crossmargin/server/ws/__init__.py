"""The WebSocket side: public data, an account's own, and orders, on three paths.

Read first: `channels` (what there is to hear), `session` (one connection), `hub` (who is told what, and when).
"""
