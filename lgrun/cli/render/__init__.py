"""How things look. Pure: values in, text out."""
