"""What a working week costs: who works when and with what, played on the stack's pools of nodes."""
