"""Pure functions from integer arrays to metric values. numpy alone."""
