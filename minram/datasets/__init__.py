"""Images and labels, and the tasks that are made of them."""
