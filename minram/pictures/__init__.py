"""What is drawn: from one thing on an Axes (plots) to the pictures of a whole run (show)."""
