"""Why a photo that somebody buys does not go."""
