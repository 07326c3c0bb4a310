"""What a stack makes in AWS: one module a concern."""
