"""The paper exchange: one venue over HTTP and WebSocket, in the words of OKX v5, and a risk API beside it.

Read first: `venue` (the one writer, and who listens), `history` (what is read back), `okx.routes` (which path answers).
"""
