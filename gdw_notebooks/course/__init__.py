"""The course as a whole: what its commands do."""
