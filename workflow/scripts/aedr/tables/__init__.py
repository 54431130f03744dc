"""The tables between the rules: their columns, how they are written and read, and the page that lists them."""
