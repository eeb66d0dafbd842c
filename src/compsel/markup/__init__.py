"""Small pieces of HTML for notebooks: self-contained, escaped, in the colours of the page that they stand in."""
