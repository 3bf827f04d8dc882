"""Deposits: what buyers leave with us beside the price, until it is given back or kept."""
