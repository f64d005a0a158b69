"""Commands of `patray` that are more than a call: their arguments, and what they print."""
