"""Rows: our records and figures under the venue's full set of keys."""
