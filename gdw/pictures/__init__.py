"""Pictures: files decoded, what does not fit in memory, and their features by a network with pretrained weights."""
