"""Label files: tables and exports as people and programs write them, and whose paths they name."""
