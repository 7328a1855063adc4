"""What changing a program in mid-run means here, counted before and after."""
