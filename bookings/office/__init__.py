"""The back office's pages. What changes something is a page of its own that calls one service."""
