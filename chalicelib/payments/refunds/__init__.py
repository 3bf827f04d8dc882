"""Giving money back: asked for, decided, sent, settled."""
