"""Detection: boxes, assignment, set prediction and how well it does."""
