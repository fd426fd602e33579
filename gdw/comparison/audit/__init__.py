"""Which labels are wrong? Rankings of the pictures of a data set by how suspicious their labels are."""
