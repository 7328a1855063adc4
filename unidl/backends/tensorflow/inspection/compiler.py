"""What the framework's compiler makes of a program."""
