"""Pure functions from arrays of scores to intervals, tests, corrections and power. numpy and scipy alone."""
