"""What `make` calls: the program on the engine, and the commands around it."""
