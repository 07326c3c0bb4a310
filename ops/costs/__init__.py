"""What single options add to a bill, or take off it."""
