"""What a notebook shows: a result as HTML, a decision as a picture."""
