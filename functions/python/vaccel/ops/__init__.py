"""Ops, a file for each family; vaccel.Session has all of them."""
