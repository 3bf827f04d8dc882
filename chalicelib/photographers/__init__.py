"""Who takes the photos: what they show of themselves, what buyers think of them, where their money goes."""
