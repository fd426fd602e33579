"""The course as a static site: pages of the stored notebooks, and live pages that need no kernel."""
