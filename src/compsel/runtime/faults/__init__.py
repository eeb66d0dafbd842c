"""What fails: whose fault it is, what is barred and for how long, what is given up."""
