"""The playground: one page in which the package's recorded steps train networks on points in the plane."""
