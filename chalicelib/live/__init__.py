"""Real time: who has a websocket open, what they listen to, and what they are told."""
