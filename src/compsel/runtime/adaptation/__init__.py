"""What inferences teach: corrected costs, and now and then a trial."""
