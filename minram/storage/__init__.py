"""Files that last (writing), files that are not trusted (reading), and the two together (checkpoint)."""
