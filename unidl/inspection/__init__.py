"""What an inspection finds, as plain data that knows no framework: backends fill it, `unidl.insight` shows it."""
