"""The risk API under ``/api/risk``: assess, ladder, explain and what-if, of one's own account or of a posted file."""
