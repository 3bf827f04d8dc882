"""How many notices were sent, arrived, were opened and followed: counts alone, of which no person can be told."""
