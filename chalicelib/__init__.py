"""The product. Importing it makes some hundred thousand objects that stay; see `docs/decisions.md`, D-066."""

import gc

gc.set_threshold(50_000, 20, 20)  # collecting while they are made takes a fifth of a cold start, and finds nothing
