"""Reads that span rows or models. Nothing here locks, and nothing is decided on what it returns."""
