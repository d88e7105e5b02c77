"""Command groups, one module each; they import the SDK only inside their functions."""
