"""Lists of photos that people share: whoever has the address sees them."""
