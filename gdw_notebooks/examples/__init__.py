"""Examples: the small problems and pictures that the notebooks take apart."""
